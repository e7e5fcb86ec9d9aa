// A table that sorts by any of its columns, by click and by keyboard. Rows keep their elements, so
// that a new second moves nothing that it need not.

function cell(name, text, className) {
  const node = document.createElement(name);
  node.textContent = text;
  if (className)
    node.className = className;
  return node;
}

/* A column: key, title, group, text(row); value(row), what it sorts by, if not its text; figure: it
 * stands to the right; mark(row): a class, tip(row): more, in words. */
export class Table {
  #table;
  #columns;
  #body = document.createElement("tbody");
  #headings = [];
  #sort = {column: null, down: false};
  #rows = new Map();
  #shown = [];

  constructor(table, columns) {
    this.#table = table;
    this.#columns = columns;
    const head = document.createElement("thead");
    head.append(this.#groups(), this.#titles());
    table.append(head, this.#body);
  }

  #groups() {
    const row = document.createElement("tr");
    row.className = "groups";
    for (const column of this.#columns) {
      const last = row.lastChild;
      if (last && column.group && last.textContent === column.group) {
        last.colSpan++;
        continue;
      }
      const heading = cell(column.group ? "th" : "td", column.group ?? "");
      if (column.group)
        heading.scope = "colgroup";
      row.append(heading);
    }
    return row;
  }

  #titles() {
    const row = document.createElement("tr");
    for (const column of this.#columns) {
      const heading = cell("th", "", column.figure ? "figure" : ""), button = cell("button", "");
      heading.scope = "col";
      if (this.#isFirst(column))
        heading.classList.add("edge");
      button.type = "button";
      button.append(column.title, cell("span", "", "arrow"));
      button.addEventListener("click", () => this.#sortBy(column));
      heading.append(button);
      row.append(heading);
      this.#headings.push(heading);
    }
    return row;
  }

  #isFirst(column) {
    const before = this.#columns[this.#columns.indexOf(column) - 1];
    return before !== undefined && before.group !== column.group;
  }

  /* Figures begin with the largest; a third click is the configuration's order again. */
  #sortBy(column) {
    const {column: former, down} = this.#sort, first = Boolean(column.figure);
    if (former !== column)
      this.#sort = {column, down: first};
    else
      this.#sort = down === first ? {column, down: !first} : {column: null, down: false};
    this.#columns.forEach((each, i) => {
      const heading = this.#headings[i], arrow = heading.querySelector(".arrow");
      if (each !== this.#sort.column) {
        heading.removeAttribute("aria-sort");
        arrow.textContent = "";
        return;
      }
      heading.setAttribute("aria-sort", this.#sort.down ? "descending" : "ascending");
      arrow.textContent = this.#sort.down ? "▼" : "▲";
    });
    this.#place();
  }

  #compare(a, b) {
    const {column, down} = this.#sort;
    const [x, y] = [a, b].map((row) => (column.value ?? column.text)(row));
    const isLess = typeof x === "string" || typeof y === "string"
      ? String(x).localeCompare(String(y), "en", {numeric: true})
      : (x ?? -1) - (y ?? -1);
    return down ? -isLess : isLess;
  }

  #make() {
    const row = document.createElement("tr");
    for (const column of this.#columns) {
      const isName = column === this.#columns[0];
      const node = cell(isName ? "th" : "td", "", column.figure ? "figure" : "");
      if (isName)
        node.scope = "row";
      if (this.#isFirst(column))
        node.classList.add("edge");
      node.dataset.key = column.key;
      row.append(node);
    }
    return row;
  }

  #fill(node, data) {
    this.#columns.forEach((column, i) => {
      const at = node.children[i], text = column.text(data), tip = column.tip?.(data) ?? "";
      if (at.textContent !== text)
        at.textContent = text;
      if (at.title !== tip)
        at.title = tip;
      if (column.mark) {
        at.className = at.className.replace(/ ?mark-\w+/, "");
        const mark = column.mark(data);
        if (mark)
          at.classList.add(`mark-${mark}`);
      }
    });
  }

  #place() {
    const wanted = this.#sort.column
      ? [...this.#shown].sort((a, b) => this.#compare(a, b)) : this.#shown;
    wanted.forEach((data, i) => {
      const node = this.#rows.get(data.key);
      if (this.#body.children[i] !== node)
        this.#body.insertBefore(node, this.#body.children[i] ?? null);
    });
  }

  /* Each row has a key of its own, and whatever the columns ask of it. */
  show(rows) {
    const keys = new Set(rows.map((data) => data.key));
    for (const [key, node] of this.#rows) {
      if (keys.has(key))
        continue;
      node.remove();
      this.#rows.delete(key);
    }
    for (const data of rows) {
      if (!this.#rows.has(data.key))
        this.#rows.set(data.key, this.#make());
      const node = this.#rows.get(data.key);
      node.className = data.className ?? "";
      this.#fill(node, data);
    }
    this.#shown = rows;
    this.#place();
  }
}

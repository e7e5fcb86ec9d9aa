#include "weir/base/gather.h"

#include "unit/support/http_text.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct weir_gather out;

static void expect_text(const char *expected)
{
    size_t len;
    char *text = http_gathered(&out, &len);

    cr_expect(weir_slice_is(weir_slice_make(text, len), expected), "%s", text);
    free(text);
}

static void add(const char *text)
{
    weir_gather_add(&out, weir_slice_from(text));
}

Test(base_gather, is_empty_at_first_and_after_clear)
{
    weir_gather_init(&out);
    cr_expect(weir_gather_is_empty(&out));
    cr_expect_eq(weir_gather_room(&out), WEIR_GATHER_SLICES);
    add("a");
    cr_expect(!weir_gather_is_empty(&out));
    weir_gather_clear(&out);
    cr_expect(weir_gather_is_empty(&out));
    weir_gather_clear(&out);
    cr_expect(!weir_gather_has_failed(&out));
}

Test(base_gather, neighbours_become_one_and_nothing_takes_no_room)
{
    static const char bytes[] = "abcdef";

    weir_gather_init(&out);
    weir_gather_add(&out, weir_slice_make(bytes, 2));
    weir_gather_add(&out, weir_slice_make(bytes + 2, 0));
    weir_gather_add(&out, weir_slice_make(bytes + 2, 2));
    cr_expect_eq(weir_gather_room(&out), WEIR_GATHER_SLICES - 1);
    weir_gather_add(&out, weir_slice_make(bytes + 5, 1));
    weir_gather_add(&out, weir_slice_make(bytes + 4, 1));
    cr_expect_eq(weir_gather_room(&out), WEIR_GATHER_SLICES - 3);
    expect_text("abcdfe");
    weir_gather_clear(&out);
}

Test(base_gather, copies_stay_when_what_was_copied_goes)
{
    char gone[] = "copied";

    weir_gather_init(&out);
    weir_gather_copy(&out, weir_slice_from(gone));
    weir_gather_print(&out, " %d %s", 42, gone);
    memset(gone, 'x', sizeof(gone) - 1);
    expect_text("copied 42 copied");
    cr_expect_eq(weir_gather_room(&out), WEIR_GATHER_SLICES - 1);
    weir_gather_clear(&out);
}

/* Copies beyond the room for text, slices beyond the room for slices. */
Test(base_gather, spills_to_the_heap_and_loses_no_byte)
{
    static char expected[64 * 1024];
    size_t at = 0;

    weir_gather_init(&out);
    for (int i = 0; i < 2000; i++) {
        char piece[32];
        int len = snprintf(piece, sizeof(piece), "piece %d,", i);
        memcpy(expected + at, piece, (size_t)len);
        at += (size_t)len;
        weir_gather_copy(&out, weir_slice_make(piece, (size_t)len));
        add("-");
        expected[at++] = '-';
    }
    char *large = malloc(4096);
    memset(large, 'l', 4096);
    memset(expected + at, 'l', 4096);
    weir_gather_copy(&out, weir_slice_make(large, 4096));
    free(large);
    expect_text(expected);
    cr_expect(!weir_gather_has_failed(&out));
    weir_gather_clear(&out);
}

Test(base_gather, marks_are_filled_in_later)
{
    weir_gather_init(&out);
    add("head ");
    uint32_t mark = weir_gather_mark(&out);
    add("body");
    weir_gather_fill(&out, mark, weir_slice_from("4:"));
    expect_text("head 4:body");
    weir_gather_clear(&out);
}

/* What follows an empty mark must not be taken for its neighbour. */
Test(base_gather, marks_have_a_place_of_their_own)
{
    weir_gather_init(&out);
    uint32_t first = weir_gather_mark(&out), second = weir_gather_mark(&out);
    add("c");
    weir_gather_fill(&out, second, weir_slice_from("b"));
    weir_gather_fill(&out, first, weir_slice_from("a"));
    expect_text("abc");
    weir_gather_clear(&out);
}

/* Whatever sendmsg takes, what is left is the rest. */
Test(base_gather, advance_leaves_the_rest)
{
    static const char whole[] = "onetwothree4";

    for (size_t first = 0; first < sizeof(whole); first++) {
        for (size_t second = 0; first + second < sizeof(whole); second++) {
            weir_gather_init(&out);
            add("one");
            uint32_t mark = weir_gather_mark(&out);
            add("three");
            weir_gather_fill(&out, mark, weir_slice_from("two"));
            weir_gather_print(&out, "%d", 4);
            weir_gather_advance(&out, first);
            expect_text(whole + first);
            weir_gather_advance(&out, second);
            expect_text(whole + first + second);
            cr_expect_eq(weir_gather_is_empty(&out), first + second == sizeof(whole) - 1);
            weir_gather_clear(&out);
        }
    }
}

/* Text is one slice until something else comes, also where some of it has been written. */
Test(base_gather, copies_are_one_slice_as_long_as_nothing_comes_between)
{
    weir_gather_init(&out);
    weir_gather_copy(&out, weir_slice_from("one"));
    weir_gather_number(&out, 2);
    weir_gather_advance(&out, 1);
    weir_gather_copy(&out, weir_slice_from("three"));
    cr_expect_eq(out.n - out.first, 1);
    add("4");
    weir_gather_copy(&out, weir_slice_from("five"));
    cr_expect_eq(out.n - out.first, 3);
    uint32_t mark = weir_gather_mark(&out);
    weir_gather_copy(&out, weir_slice_from("seven"));
    weir_gather_fill(&out, mark, weir_slice_from("6"));
    weir_gather_copy(&out, weir_slice_from("eight"));
    expect_text("ne2three4five6seveneight");
    weir_gather_advance(&out, 24);
    cr_expect(weir_gather_is_empty(&out));
    weir_gather_copy(&out, weir_slice_from("nine"));
    expect_text("nine");
    weir_gather_clear(&out);
}

Test(base_gather, joins_by_copying_only_what_has_room)
{
    static char large[WEIR_GATHER_TEXT + 1];

    memset(large, 'l', sizeof(large) - 1);
    weir_gather_init(&out);
    weir_gather_copy(&out, weir_slice_from("a"));
    weir_gather_join(&out, weir_slice_make(large, WEIR_GATHER_TEXT - 1));
    cr_expect_eq(out.n, 1);
    weir_gather_join(&out, weir_slice_make(large, 1));
    cr_expect_eq(out.n, 2);
    cr_expect_eq(out.slices[1].data, large);
    weir_gather_clear(&out);
}

/* Whether the text before a body can move up to it, and what is written then. */
Test(base_gather, text_moves_before_a_body_where_there_is_room)
{
    static const struct {
        size_t room;
        bool has_more, is_other, moves;
    } rows[] = {
        {4, false, false, true}, {9, false, false, true}, {3, false, false, false},
        {9, true, false, false}, {9, false, true, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char bytes[] = "old-head:body";
        weir_gather_init(&out);
        weir_gather_copy(&out, weir_slice_from("new:"));
        weir_gather_add(&out, weir_slice_make(bytes + 9, 4));
        if (rows[i].has_more)
            add("!");
        weir_gather_move_before(&out, bytes + 9 - rows[i].is_other, rows[i].room);
        cr_expect_eq(out.n - out.first, rows[i].moves ? 1 : 2 + rows[i].has_more);
        expect_text(rows[i].has_more ? "new:body!" : "new:body");
        weir_gather_clear(&out);
    }
}

Test(base_gather, goes_on_after_a_partial_write)
{
    weir_gather_init(&out);
    for (unsigned i = 0; i < WEIR_GATHER_SLICES; i++)
        add(i % 2 ? "b" : "a");
    weir_gather_advance(&out, WEIR_GATHER_SLICES - 2);
    add("c"); /* no room: the two that are left are moved */
    add("d");
    expect_text("abcd");
    cr_expect_gt(weir_gather_room(&out), 40);
    weir_gather_clear(&out);
}

/* An unfilled mark at the end holds nothing that could be waited for. */
Test(base_gather, empty_slices_are_passed_over)
{
    weir_gather_init(&out);
    add("a");
    weir_gather_mark(&out);
    weir_gather_advance(&out, 1);
    cr_expect(weir_gather_is_empty(&out));
    weir_gather_clear(&out);
}

Test(base_gather, more_than_there_is_cannot_have_been_written, .signal = SIGABRT)
{
    weir_gather_init(&out);
    add("a");
    weir_gather_advance(&out, 2);
}

Test(base_gather, full_gather_has_no_place_for_a_mark, .signal = SIGABRT)
{
    weir_gather_init(&out);
    for (unsigned i = 0; i <= WEIR_GATHER_SLICES; i++)
        weir_gather_mark(&out);
}

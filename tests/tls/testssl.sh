#!/bin/sh
# testssl.sh WEIR ORIGIN DIR: testssl.sh (Debian's package) finds nothing worse than LOW with the
# defaults. What it finds is left in DIR. It talks to 127.0.0.1 alone: no DNS, no phoning home.
set -eu
weir=$1 origin=$2 dir=$3

skip() {
    echo "the whole suite is skipped: $*"
    exit 0
}
testssl=$(command -v testssl || command -v testssl.sh) || skip "there is no testssl.sh"
command -v openssl >/dev/null || skip "there is no openssl"

rm -rf "$dir"
mkdir -p "$dir"
cd "$dir"
started=""
finish() {
    for pid in $started; do
        kill "$pid" 2>/dev/null || :
        wait "$pid" 2>/dev/null || :
    done
}
trap finish EXIT

# sign NAME: a certificate of a CA of our own, for the key that is there. testssl.sh wants to know
# where to ask whether it was revoked; it does not ask.
sign() {
    openssl req -new -key "$1.key" -subj /CN=site.test -out "$1.csr"
    printf '%s\n' subjectAltName=DNS:site.test basicConstraints=CA:FALSE \
        keyUsage=digitalSignature extendedKeyUsage=serverAuth \
        "authorityInfoAccess=OCSP;URI:http://127.0.0.1:9/" >"$1.extensions"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -days 80 -extfile "$1.extensions" \
        -out "$1.pem" 2>/dev/null
}
openssl ecparam -name prime256v1 -genkey -noout -out ca.key
openssl req -x509 -new -key ca.key -days 300 -subj "/CN=the test's CA" -out ca.pem
openssl ecparam -name prime256v1 -genkey -noout -out ecdsa.key
openssl genrsa -out rsa.key 2048 2>/dev/null
sign ecdsa
sign rsa

"$origin" --listen 127.0.0.1:0 --quiet >origin.log 2>&1 &
started="$!"
for _ in $(seq 100); do
    grep -q 'listening on' origin.log && break
    sleep 0.1
done
server=$(sed -n 's/^listening on //p' origin.log)

# Only the time-outs are not the defaults, so that it waits less.
port=$((20000 + $$ % 10000))
cat >weir.yaml <<END
admin: {listen: off}
listeners:
  web:
    listen: ["127.0.0.1:$port"]
    pool: app
    timeouts: {header: 2s, idle: 500ms}
    tls: {certificates: [{certificate: ecdsa.pem, key: ecdsa.key}, {certificate: rsa.pem, key: rsa.key}]}
pools:
  app: {servers: [{address: "$server"}]}
END
"$weir" run -c weir.yaml >weir.log 2>&1 &
started="$started $!"
for _ in $(seq 100); do
    grep -q 'ready: listening' weir.log && break
    sleep 0.1
done

# The headers of answers are the application's, so they are not judged.
timeout 420 "$testssl" --nodns none --warnings batch --color 0 --quiet --ip 127.0.0.1 \
    --add-ca ca.pem --jsonfile found.json -p -s -f -P -S -U "site.test:$port" >testssl.log 2>&1 || :
grep -q '"severity" *: *"OK"' found.json || {
    tail -n 30 testssl.log
    echo "testssl.sh came to no end"
    exit 1
}
if grep -B 6 -A 3 -E '"severity" *: *"(MEDIUM|HIGH|CRITICAL|FATAL)"' found.json; then
    echo "testssl.sh found something that is worse than LOW"
    exit 1
fi
grep -q '"id" *: *"BREACH"' found.json || grep -q '"id" *: *"RC4"' found.json || {
    tail -n 30 testssl.log
    echo "testssl.sh was cut short"
    exit 1
}

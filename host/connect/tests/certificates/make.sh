#!/bin/sh
# Makes the certificates of the TLS tests again: an authority, whose key is thrown away, and one
# server on this machine. They are worth nothing anywhere else.
set -eu
cd "$(dirname "$0")"
key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }
key authority.key
openssl req -x509 -new -key authority.key -days 36500 -subj "/CN=counterfoil tests" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign" \
    -out authority.pem
key server.key
printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' > server.ext
openssl req -new -key server.key -subj "/CN=server" |
    openssl x509 -req -CA authority.pem -CAkey authority.key -days 36500 -extfile server.ext \
        -out server.pem
rm -f authority.key server.ext

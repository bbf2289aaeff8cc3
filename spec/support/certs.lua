-- Certificates for the specs, made by the openssl command once a day into
-- build/certs: nothing with a date in it is ever committed.
--
--   local certs = require "spec.support.certs"
--   certs.rsa.key, certs.rsa.cert, certs.rsa.key_file, certs.rsa.cert_file
--   certs.ca.cert
local dir = (os.getenv "TLS_BUILD" or "build") .. "/certs"

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "*a"
  f:close()
  return text
end

local SCRIPT = [=[
set -eu
dir=$1
stamp=stamp-14 # another number where what is made here changes
exec 9>"$dir.lock"
flock 9 # of several processes the first one makes them
[ -n "$(find "$dir/$stamp" -mtime "-$2" 2>/dev/null)" ] && exit 0
rm -rf "$dir.new"; mkdir -p "$dir.new"; cd "$dir.new"
exec >log 2>&1

san=DNS:localhost,IP:127.0.0.1,IP:::1
key() { # name algorithm
  case $2 in
    rsa) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out $1.key ;;
    ed25519) openssl genpkey -algorithm ED25519 -out $1.key ;;
    ML-DSA-* | SLH-DSA-*) openssl genpkey -algorithm $2 -out $1.key ;;
    *) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:$2 -out $1.key ;;
  esac
}
root() { # name subject
  key $1 P-256
  openssl req -x509 -new -key $1.key -out $1.crt -days 30 -subj "$2" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign,cRLSign
}
sign() { # name issuer algorithm subject extensions
  key $1 $3
  openssl req -new -key $1.key -subj "$4" -out $1.csr
  printf "$5" >$1.ext
  openssl x509 -req -in $1.csr -CA $2.crt -CAkey $2.key -CAcreateserial \
    -out $1.crt -extfile $1.ext -days 30
}
leaf() { # name algorithm subject san
  sign $1 ca $2 "$3" "subjectAltName=$4\n"
}
dated() { # name start end (openssl ca, which can date a certificate)
  key $1 P-256
  openssl req -new -key $1.key -subj "/CN=localhost" -out $1.csr
  mkdir -p db; : >db/index; echo 1000 >db/serial
  cat >db/conf <<CONF
[ca]
default_ca=c
[c]
database=db/index
serial=db/serial
new_certs_dir=db
default_md=sha256
policy=p
x509_extensions=x
unique_subject=no
[p]
commonName=supplied
[x]
subjectAltName=$san
CONF
  openssl ca -batch -config db/conf -cert ca.crt -keyfile ca.key -in $1.csr \
    -out $1.crt -notext -startdate $2 -enddate $3
}

root ca "/O=tls specs/CN=ca"
root otherca "/O=tls specs/CN=other ca"
leaf rsa rsa /CN=localhost $san
leaf ecdsa P-256 /CN=localhost $san
leaf p384 P-384 /CN=localhost $san
leaf ed25519 ed25519 /CN=localhost $san
if openssl list -signature-algorithms | grep -q ML-DSA; then # OpenSSL 3.5
  leaf mldsa44 ML-DSA-44 /CN=localhost $san
  leaf mldsa65 ML-DSA-65 /CN=localhost $san
  leaf mldsa87 ML-DSA-87 /CN=localhost $san
  leaf slhdsa SLH-DSA-SHA2-128f /CN=localhost $san
fi
leaf wrongname P-256 /CN=wrong.example.test DNS:wrong.example.test
leaf wildcard P-256 /CN=wildcard 'DNS:*.example.test'
leaf iponly P-256 /CN=iponly IP:127.0.0.1,IP:::1
leaf agent P-256 /CN=agent DNS:agent
sign stranger otherca P-256 /CN=stranger "subjectAltName=DNS:stranger\n"
dated expired 20200101000000Z 20200201000000Z
dated notyet 21000101000000Z 21010101000000Z
sign intermediate ca P-256 /CN=intermediate "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n"
sign chained intermediate P-256 /CN=localhost "subjectAltName=$san\n"
cat chained.crt intermediate.crt >chain.crt; cp chained.key chain.key
key selfsigned P-256
openssl req -x509 -new -key selfsigned.key -out selfsigned.crt -days 30 -subj /CN=localhost -addext subjectAltName=$san
# One of 256 wrong passphrases decrypts to what looks whole, and gives another error: not those of the specs.
wrong_is_noticed() {
  for wrong in "" no open other wrong x y swordfish superfluous; do
    openssl pkey -in encrypted.key -passin "pass:$wrong" 2>&1 | grep -q "bad decrypt" || return 1
  done
}
until openssl pkey -in rsa.key -aes128 -passout pass:sesame -out encrypted.key && wrong_is_noticed; do :; done
cp rsa.crt encrypted.crt
openssl pkcs12 -export -inkey rsa.key -in rsa.crt -certfile ca.crt -passout pass:sesame -out rsa.pfx

# chains for trust: a second root that signed the intermediate as well, a revoked leaf, an unlike purpose
root newca "/O=tls specs/CN=new ca"
openssl x509 -req -in intermediate.csr -CA newca.crt -CAkey newca.key -CAcreateserial -out cross.crt \
  -extfile intermediate.ext -days 30
cp intermediate.key cross.key
sign noca ca P-256 /CN=noca "basicConstraints=critical,CA:FALSE\n"
openssl req -new -key agent.key -subj /CN=underling -out underling.csr
openssl x509 -req -in underling.csr -CA noca.crt -CAkey noca.key -CAcreateserial -out underling.crt -days 30
cp agent.key underling.key
cat underling.crt noca.crt >badchain.crt; cp underling.key badchain.key
sign clientonly ca P-256 /CN=localhost "subjectAltName=$san\nextendedKeyUsage=clientAuth\n"
sign revoked ca P-256 /CN=localhost "subjectAltName=$san\n"
: >db/index2; echo 01 >db/crlnumber
cat >db/crl.conf <<CONF
[ca]
default_ca=c
[c]
database=db/index2
crlnumber=db/crlnumber
default_md=sha256
default_crl_days=30
CONF
openssl ca -config db/crl.conf -cert ca.crt -keyfile ca.key -revoke revoked.crt
openssl ca -config db/crl.conf -cert ca.crt -keyfile ca.key -gencrl -out ca.crl
openssl x509 -in ca.crt -trustout -out trusted.crt; cp ca.key trusted.key
sed 's/\(BEGIN\|END\) CERT/\1 X509 CERT/' ca.crt >oldlabel.crt; cp ca.key oldlabel.key
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out small.key
openssl req -new -x509 -key small.key -subj /CN=localhost -addext subjectAltName=$san -days 30 -out small.crt
openssl pkcs12 -export -legacy -descert -inkey rsa.key -in rsa.crt -certfile ca.crt -passout pass:sesame -out legacy.pfx
# whose keys are derived in one step, not in thousands that are alike
openssl pkcs8 -topk8 -in rsa.key -v2 aes128 -iter 1 -passout pass:sesame -out one_step.key
for more in "" -legacy; do
  openssl pkcs12 -export $more ${more:+-descert} -iter 1 -inkey rsa.key -in rsa.crt -certfile ca.crt \
    -passout pass:sesame -out "one_step$more.pfx"
done
openssl pkcs12 -export -inkey rsa.key -in rsa.crt -passout pass: -out open.pfx
openssl pkcs8 -topk8 -in rsa.key -v1 PBE-SHA1-RC2-40 -provider legacy -provider default \
  -passout pass:sesame -out rc2.key
openssl pkcs12 -export -nokeys -in rsa.crt -passout pass:sesame -out keyless.pfx
openssl pkcs12 -export -inkey ecdsa.key -in ecdsa.crt -passout pass:other -out ecdsa.pfx
openssl pkcs12 -export -inkey chained.key -in chained.crt -certfile intermediate.crt -passout pass:sesame -out chain.pfx
openssl dhparam -dsaparam -out dh512.pem 512
openssl dhparam -dsaparam -out dh1024.pem 1024
openssl dhparam -dsaparam -out dh2048.pem 2048
# what errors explain: an authority made anew, old and weak intermediates, an old list
root reborn "/O=tls specs/CN=ca"
sed '/^subjectAltName/c basicConstraints=critical,CA:TRUE' db/conf >db/oldca.conf
: >db/index; openssl ca -batch -config db/oldca.conf -cert ca.crt -keyfile ca.key -in intermediate.csr \
  -out oldca.crt -notext -startdate 20200101000000Z -enddate 20200201000000Z
openssl x509 -req -sha1 -in intermediate.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out sha1ca.crt \
  -extfile intermediate.ext -days 30
for c in oldca sha1ca; do cat chained.crt $c.crt >under$c.crt; cp chained.key under$c.key; done
openssl ca -config db/crl.conf -cert ca.crt -keyfile ca.key -gencrl -out old.crl \
  -crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z
leaf manynames P-256 /CN=manynames "$(seq -f 'DNS:h%g.example.test' -s, 12),IP:192.0.2.1"
leaf addressasname P-256 /CN=addressasname DNS:127.0.0.1
# what `openssl ocsp` looks its answers up in
for c in rsa ecdsa chained; do
  printf 'V\t490101000000Z\t\t%s\tunknown\t/CN=localhost\n' $(openssl x509 -in $c.crt -noout -serial | cut -d= -f2)
done >ocsp.index
cat db/index2 >>ocsp.index; echo 'unique_subject = no' >ocsp.index.attr
for c in rsa ecdsa wrongname; do # answers to be stapled; that to the last is "unknown"
  openssl ocsp -issuer ca.crt -cert $c.crt -reqout ocsp.request
  openssl ocsp -index ocsp.index -CA ca.crt -rsigner ca.crt -rkey ca.key -ndays 7 -reqin ocsp.request -respout $c.ocsp
done
touch $stamp
cd ..; rm -rf certs; mv certs.new certs
]=]

local function make()
  local script = os.tmpname()
  local f = assert(io.open(script, "w"))
  f:write(SCRIPT)
  f:close()
  os.execute("mkdir -p " .. dir .. "/..")
  local ok = os.execute("LD_PRELOAD= bash " .. script .. " " .. dir .. " " .. (os.getenv "TLS_CERTS_DAYS" or "1"))
  os.remove(script)
  if ok ~= true and ok ~= 0 then
    error("cannot make certificates, see " .. dir .. ".new/log")
  end
end

make()

local certs = { dir = dir, passphrase = "sesame" }

--- The text of another file of the folder: 'ca.crl', 'legacy.pfx', 'dh2048.pem'.
function certs.file(name)
  return read(dir .. "/" .. name)
end

return setmetatable(certs, {
  __index = function(self, name)
    local entry = {
      cert_file = dir .. "/" .. name .. ".crt",
      key_file = dir .. "/" .. name .. ".key",
    }
    entry.cert, entry.key = read(entry.cert_file), read(entry.key_file)
    rawset(self, name, entry)
    return entry
  end,
})

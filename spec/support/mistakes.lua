-- Ordinary mistakes: what was done wrong, a program that does it, and the first line that its user sees on stderr.
--
-- A program begins with HEADER, its line 1, and ends with uv.run(): see spec/mistakes_spec.lua, which runs it in a
-- folder with the certificates of spec/support/certs.lua, on each Lua. It may use `read`, `serve`, `plain` and `show`
-- of spec/support/mistakes_peer.lua, and need not end: an error that nobody handles ends it.
--
-- One with `without_loop` has no uv.run() at its end. One with `until_4` is no mistake with OpenSSL 4.0. `newer` is
-- what newer releases of OpenSSL say: a list of { a part of the line, what stands there in its place }.
--
-- Of the line, these stand for what differs between runs:
--   LUA:   how the interpreter begins what ends a program: "lua5.4: "
--   LUV:   how luv begins what a callback throws: "Uncaught Error: "
--   EVENT: the same for an 'error' that nobody listens for, which the line says at its end
--   PORT   a number
--   FOLDER where the program runs
--   DATE   a moment: 2026-11-26 20:30:00 GMT
--   AGO    a span: 634 days
local mistakes = {}

mistakes.HEADER = 'local tls, net, uv, peer = require "tls", require "tls.net", require "luv", require "peer" ' ..
  "local read, serve, plain, show = peer.read, peer.serve, peer.plain, peer.show\n"

local function add(what, program, line, more)
  more = more or {}
  mistakes[#mistakes + 1] = { what = what, program = program, line = line, without_loop = more.without_loop,
    newer = more.newer, until_4 = more.until_4 }
end

-- === the server's certificate ===

add("nobody has said who is trusted", [[
serve({}, function(port)
  tls.connect { port = port, ca = {} }
end)]],
  "EVENT: unable to verify the first certificate (host localhost, depth 0, subject CN=localhost): its issuer " ..
  "O=tls specs, CN=ca is not trusted here; pass that certificate as option 'ca', or, if it is an intermediate, " ..
  "the server has to send it behind its own in option 'cert' [UNABLE_TO_VERIFY_LEAF_SIGNATURE]")

add("the root is not trusted", [[
serve({ who = "chain" }, function(port)
  tls.connect { port = port, ca = read "otherca.crt" }
end)]],
  "EVENT: unable to get local issuer certificate (host localhost, depth 1, subject CN=intermediate): its " ..
  "issuer O=tls specs, CN=ca is not trusted here; pass that certificate as option 'ca' " ..
  "[UNABLE_TO_GET_ISSUER_CERT_LOCALLY]")

add("the authority was made anew, and the old certificates are in use", [[
serve({}, function(port)
  tls.connect { port = port, ca = read "reborn.crt" }
end)]],
  "EVENT: unable to verify the first certificate (host localhost, depth 0, subject CN=localhost): a " ..
  "certificate of O=tls specs, CN=ca is trusted, but not with the key that has signed this one: was it made " ..
  "anew? Pass the one that goes with it as option 'ca' [UNABLE_TO_VERIFY_LEAF_SIGNATURE]",
  { newer = { { "unable to verify the first certificate", "certificate signature failure" },
    { "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "CERT_SIGNATURE_FAILURE" } } })

add("a self-signed certificate", [[
serve({ who = "selfsigned" }, function(port)
  tls.connect { port = port }
end)]],
  "EVENT: self-signed certificate (host localhost, depth 0, subject CN=localhost): the certificate has signed " ..
  "itself; if it is the right one, pass it as option 'ca' [DEPTH_ZERO_SELF_SIGNED_CERT]")

add("an expired certificate", [[
serve({ who = "expired" }, function(port)
  tls.connect { port = port, ca = read "ca.crt" }
end)]],
  "EVENT: certificate has expired (host localhost, depth 0, subject CN=localhost): it expired on 2020-02-01 " ..
  "00:00:00 GMT, AGO ago, and has to be renewed [CERT_HAS_EXPIRED]")

add("an expired intermediate", [[
serve({ who = "underoldca" }, function(port)
  tls.connect { port = port, ca = read "ca.crt" }
end)]],
  "EVENT: certificate has expired (host localhost, depth 1, subject CN=intermediate): it expired on 2020-02-01 " ..
  "00:00:00 GMT, AGO ago, and has to be renewed [CERT_HAS_EXPIRED]")

add("a certificate that is not valid yet", [[
serve({ who = "notyet" }, function(port)
  tls.connect { port = port, ca = read "ca.crt" }
end)]],
  "EVENT: certificate is not yet valid (host localhost, depth 0, subject CN=localhost): it is valid from " ..
  "2100-01-01 00:00:00 GMT; is this machine's clock right? It says DATE [CERT_NOT_YET_VALID]",
  { newer = { { "is not yet valid", "is not yet valid or the system clock is incorrect" } } })

add("a client's certificate in a server", [[
serve({ who = "clientonly" }, function(port)
  tls.connect { port = port, ca = read "ca.crt" }
end)]],
  "EVENT: unsuitable certificate purpose (host localhost, depth 0, subject CN=localhost): it is made for " ..
  "clientAuth, and a server needs extendedKeyUsage serverAuth [INVALID_PURPOSE]")

add("a key that is too short", [[
serve({ who = "small", ciphers = "DEFAULT@SECLEVEL=0" }, function(port)
  tls.connect { port = port, ca = read "small.crt" }
end)]],
  "EVENT: EE certificate key too weak (host localhost, depth 0, subject CN=localhost): its key, RSA with 1024 " ..
  "bits, is too weak for the security level: it has to be renewed with a longer one " ..
  '(ciphers="DEFAULT@SECLEVEL=0" accepts any) [EE_KEY_TOO_SMALL]')

add("a revoked certificate", [[
serve({ who = "revoked" }, function(port)
  tls.connect { port = port, ca = read "ca.crt", crl = read "ca.crl" }
end)]],
  "EVENT: certificate revoked (host localhost, depth 0, subject CN=localhost): O=tls specs, CN=ca has revoked " ..
  "it on DATE: the server needs another one [CERT_REVOKED]")

add("a list that is too old", [[
serve({}, function(port)
  tls.connect { port = port, ca = read "ca.crt", crl = read "old.crl" }
end)]],
  "EVENT: CRL has expired (host localhost, depth 0, subject CN=localhost): the list of O=tls specs, CN=ca was " ..
  "to be renewed until 2020-02-01 00:00:00 GMT, AGO ago: pass the new one as option 'crl' [CRL_HAS_EXPIRED]")

-- === its name ===

add("a name that the certificate does not have", [[
serve({}, function(port)
  tls.connect { port = port, ca = read "ca.crt", servername = "example.com" }
end)]],
  "EVENT: Hostname/IP does not match certificate's altnames: Host: example.com. is not in the cert's altnames: " ..
  "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1; connect to one of these names, or say with " ..
  "option 'servername' which of them to verify [ERR_TLS_CERT_ALTNAME_INVALID]")

add("an address, and the certificate has names alone", [[
serve({ who = "agent" }, function(port)
  tls.connect { port = port, host = "127.0.0.1", ca = read "ca.crt" }
end)]],
  "EVENT: Hostname/IP does not match certificate's altnames: IP: 127.0.0.1 is not in the cert's list: (it is " ..
  "valid for DNS:agent): connect to one of its names, or say with option 'servername' which of them to verify " ..
  "[ERR_TLS_CERT_ALTNAME_INVALID]")

add("an address that is in the certificate as a name", [[
serve({ who = "addressasname" }, function(port)
  tls.connect { port = port, host = "127.0.0.1", ca = read "ca.crt" }
end)]],
  "EVENT: Hostname/IP does not match certificate's altnames: IP: 127.0.0.1 is not in the cert's list: (it " ..
  "stands there as a DNS name, and has to be made anew with subjectAltName=IP:127.0.0.1) " ..
  "[ERR_TLS_CERT_ALTNAME_INVALID]")

add("no host", [[
serve({ who = "agent" }, function(port)
  tls.connect { port = port, ca = read "ca.crt" }
end)]],
  "EVENT: Hostname/IP does not match certificate's altnames: Host: localhost. is not in the cert's altnames: " ..
  "DNS:agent; connect to one of these names, or say with option 'servername' which of them to verify; no host " ..
  "was given, so 'localhost' was compared [ERR_TLS_CERT_ALTNAME_INVALID]")

-- === a client's certificate ===

add("a client whose authority the server does not trust", [[
serve({ ca = read "ca.crt", requestCert = true, rejectUnauthorized = true }, function(port, server)
  server:on("tlsClientError", show)
  tls.connect({ port = port, ca = read "ca.crt", cert = read "stranger.crt", key = read "stranger.key" })
    :on("error", function() end)
end)]],
  "unable to verify the first certificate (client 127.0.0.1:PORT, depth 0, subject CN=stranger): its issuer " ..
  "O=tls specs, CN=other ca is not trusted here; pass that certificate as option 'ca', or, if it is an " ..
  "intermediate, the client has to send it behind its own in option 'cert' [UNABLE_TO_VERIFY_LEAF_SIGNATURE]")

-- === the place ===

add("a name for a port, and the loop is never run", [[
tls.connect { port = "https" }]],
  'LUA: app.lua:2: Port should be >= 0 and < 65536. Received type string ("https"). [ERR_SOCKET_BAD_PORT]',
  { without_loop = true })

add("a URL for a host", [[
tls.connect { host = "https://example.com/x", port = 443 }]],
  "LUA: app.lua:2: The property 'options.host' is a URL: give host=\"example.com\", port=443. Received " ..
  '"https://example.com/x" [ERR_INVALID_ARG_VALUE]')

add("a URL alone", [[
tls.connect("https://example.com/x")]],
  "LUA: app.lua:2: The property 'options.path' is a URL, and no path of a unix socket: give " ..
  'host="example.com", port=443. Received "https://example.com/x" [ERR_INVALID_ARG_VALUE]')

add("a host with its port", [[
net.connect(443, "example.com:443")]],
  "LUA: app.lua:2: The property 'options.host' has a port: give host=\"example.com\", port=443. Received " ..
  '"example.com:443" [ERR_INVALID_ARG_VALUE]')

add("a host with its port, alone", [[
tls.connect "localhost:8000"]],
  "LUA: app.lua:2: The property 'options.path' is a host and a port, and no path of a unix socket: give " ..
  'host="localhost", port=8000. Received "localhost:8000" [ERR_INVALID_ARG_VALUE]')

add("a host with its port, to listen at", [[
local server = net.createServer()
server:listen("127.0.0.1:8000")]],
  "LUA: app.lua:3: The property 'options.path' is a host and a port, and no path of a unix socket: give " ..
  'host="127.0.0.1", port=8000. Received "127.0.0.1:8000" [ERR_INVALID_ARG_VALUE]')

add("an address alone, to listen at", [[
local server = net.createServer()
server:listen("0.0.0.0")]],
  "LUA: app.lua:3: The property 'options.path' is a host, and no path of a unix socket: give " ..
  'host="0.0.0.0", and a port. Received "0.0.0.0" [ERR_INVALID_ARG_VALUE]')

add("a port that is no number, to listen at", [[
local server = net.createServer()
server:listen("8000x")]],
  "LUA: app.lua:3: The property 'options.path' is no port: give a number (a unix socket of that name is " ..
  'written with "./"). Received "8000x" [ERR_INVALID_ARG_VALUE]')

add("an address in brackets", [[
local server = net.createServer()
server:listen(0, "[::1]")]],
  "LUA: app.lua:3: The property 'options.host' has brackets, which belong to URLs: give host=\"::1\". Received " ..
  '"[::1]" [ERR_INVALID_ARG_VALUE]')

add("a URL for a server's name", [[
tls.connect { port = 443, servername = "https://example.com" }]],
  "LUA: app.lua:2: The property 'options.servername' is a URL: give servername=\"example.com\". Received " ..
  '"https://example.com" [ERR_INVALID_ARG_VALUE]')

add("nowhere", [[
tls.connect { host = "example.com" }]],
  'LUA: app.lua:2: The "options" or "port" or "path" argument must be specified [ERR_MISSING_ARGS]')

add("a host, then its port", [[
tls.connect("example.com", 443)]],
  'LUA: app.lua:2: The "options" argument must be of type object. Received type number (443): the port comes ' ..
  'first, connect(443, "example.com") [ERR_INVALID_ARG_TYPE]')

add("a port that nobody listens on", [[
serve({}, function(port, server)
  server:close(function() tls.connect(port, "127.0.0.1") end)
end)]],
  "EVENT: connect ECONNREFUSED 127.0.0.1:PORT")

add("a port that is taken", [[
serve({}, function(port)
  net.createServer():listen(port, "127.0.0.1")
end)]],
  "EVENT: listen EADDRINUSE: address already in use 127.0.0.1:PORT")

add("a unix socket that does not exist", [[
tls.connect "no.sock"]],
  "EVENT: connect ENOENT no.sock")

-- === options ===

add("a misspelt option", [[
tls.createServer { cert = read "rsa.crt", key = read "rsa.key", rejectUnauthorised = true }]],
  "LUA: app.lua:2: tls.createServer has no option 'rejectUnauthorised'; did you mean 'rejectUnauthorized'? " ..
  "[ERR_INVALID_ARG_VALUE]")

add("a misspelt option in a callback", [[
serve({}, function(port)
  tls.connect { port = port, CA = read "ca.crt" }
end)]],
  "LUV: app.lua:3: tls.connect has no option 'CA'; did you mean 'ca'? [ERR_INVALID_ARG_VALUE]")

add("a port of another type", [[
tls.connect { port = {} }]],
  'LUA: app.lua:2: The "options.port" property must be of type number or string. Received type table ' ..
  "[ERR_INVALID_ARG_TYPE]")

add("an option that LuaSec calls so", [[
tls.createServer { certificate = "rsa.crt" }]],
  "LUA: app.lua:2: tls.createServer has no option 'certificate'; did you mean 'cert'? [ERR_INVALID_ARG_VALUE]")

add("an option that browsers call so", [[
net.createServer():listen { hostname = "localhost", port = 0 }]],
  "LUA: app.lua:2: server:listen has no option 'hostname'; did you mean 'host'? [ERR_INVALID_ARG_VALUE]")

add("a version without its protocol", [[
tls.connect { port = 443, minVersion = "1.2" }]],
  'LUA: app.lua:2: 1.2 is not a valid minimum TLS protocol version: give "TLSv1.2" or "TLSv1.3" (or the old ' ..
  '"TLSv1", "TLSv1.1") [ERR_TLS_INVALID_PROTOCOL_VERSION]')

add("a protocol without its list", [[
tls.connect { port = 443, ALPNProtocols = "h2" }]],
  "LUA: app.lua:2: The property 'options.ALPNProtocols' is not a list of length-prefixed names: give { \"h2\" } " ..
  'for one name. Received "h2" [ERR_INVALID_ARG_VALUE]')

-- === certificates and keys ===

add("the name of a file as key", [[
tls.createServer { cert = read "rsa.crt", key = "rsa.key" }]],
  "LUA: app.lua:2: error:1E08010C:DECODER routines::unsupported (options.key): 'rsa.key' looks like the name " ..
  "of a file: read the file first, or pass { file=... } [ERR_OSSL_UNSUPPORTED]")

add("the name of a file as ca, in a callback", [[
serve({}, function(port)
  tls.connect { port = port, ca = "./ca.crt" }
end)]],
  "LUV: app.lua:3: error:0480006C:PEM routines::no start line (options.ca): './ca.crt' looks like the name " ..
  "of a file: read the file first, or pass { file=... } [ERR_OSSL_PEM_NO_START_LINE]")

add("key and cert exchanged", [[
tls.createServer { cert = read "rsa.key", key = read "rsa.crt" }]],
  "LUA: app.lua:2: error:0480006C:PEM routines::no start line (options.cert): found PRIVATE KEY, wanted " ..
  "CERTIFICATE: 'key' and 'cert' are exchanged [ERR_OSSL_PEM_NO_START_LINE]")

add("a certificate in DER", [[
tls.createServer { cert = tls.X509Certificate(read "rsa.crt").raw, key = read "rsa.key" }]],
  "LUA: app.lua:2: error:0480006C:PEM routines::no start line (options.cert): this is a certificate in DER, " ..
  "wanted PEM: openssl x509 -inform DER -in FILE -out cert.pem converts it, and " ..
  "tls.X509Certificate(der):toString() does [ERR_OSSL_PEM_NO_START_LINE]")

add("a PKCS#12 as cert", [[
tls.createServer { cert = read "rsa.pfx" }]],
  "LUA: app.lua:2: error:0480006C:PEM routines::no start line (options.cert): this is PKCS#12: pass it as " ..
  "option 'pfx' [ERR_OSSL_PEM_NO_START_LINE]")

add("a request in place of its certificate", [[
tls.createServer { cert = read "rsa.csr", key = read "rsa.key" }]],
  "LUA: app.lua:2: error:0480006C:PEM routines::no start line (options.cert): found CERTIFICATE REQUEST, " ..
  "wanted CERTIFICATE: a request becomes a certificate when it is signed: openssl x509 -req -in request.csr " ..
  "-signkey key.pem -out cert.pem [ERR_OSSL_PEM_NO_START_LINE]")

add("newlines that an environment variable has lost", [[
tls.createServer { cert = (read "rsa.crt":gsub("\n", "\\n")), key = read "rsa.key" }]],
  "LUA: app.lua:2: error:0480006C:PEM routines::no start line (options.cert): it has \\n as two characters " ..
  "where its lines end: text:gsub('\\\\n', '\\n') makes lines of them [ERR_OSSL_PEM_NO_START_LINE]")

add("half of a certificate", [[
tls.createServer { cert = read "rsa.crt":sub(1, 500), key = read "rsa.key" }]],
  "LUA: app.lua:2: error:04800066:PEM routines::bad end line (options.cert): it has no -----END " ..
  "CERTIFICATE-----: its end is missing [ERR_OSSL_PEM_BAD_END_LINE]")

add("a key of another kind than the certificate's", [[
tls.createServer { cert = read "rsa.crt", key = read "ecdsa.key" }]],
  "LUA: app.lua:2: error:0A0000B1:SSL routines::no certificate assigned (options.key): the certificate " ..
  "CN=localhost has an RSA 2048 key, the key given is an EC P-256: give the key that the certificate was " ..
  "made for [ERR_SSL_NO_CERTIFICATE_ASSIGNED]")

add("a key of another certificate", [[
tls.createServer { cert = read "wrongname.crt", key = read "ecdsa.key" }]],
  "LUA: app.lua:2: error:05800074:x509 certificate routines::key values mismatch (options.key): the " ..
  "certificate CN=wrong.example.test has an EC P-256 key, the key given is another EC P-256: give the key " ..
  "that the certificate was made for [ERR_OSSL_X509_KEY_VALUES_MISMATCH]")

add("no passphrase", [[
tls.createServer { cert = read "rsa.crt", key = read "encrypted.key" }]],
  "LUA: app.lua:2: error:1C800064:Provider routines::bad decrypt (options.key): it is encrypted, and there " ..
  "is no passphrase: pass option 'passphrase' [ERR_OSSL_BAD_DECRYPT]")

add("a wrong passphrase", [[
tls.createServer { cert = read "rsa.crt", key = read "encrypted.key", passphrase = "swordfish" }]],
  "LUA: app.lua:2: error:1C800064:Provider routines::bad decrypt (options.key): the passphrase is not the " ..
  "right one [ERR_OSSL_BAD_DECRYPT]")

add("a wrong passphrase of a PKCS#12", [[
tls.createServer { pfx = { file = "rsa.pfx", passphrase = "swordfish" } }]],
  'LUA: app.lua:2: error:11800071:PKCS12 routines::mac verify failure (options.pfx, file "rsa.pfx"): the ' ..
  "passphrase is not the right one [ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE]")

add("a file that is not there", [[
tls.createServer { cert = { file = "/nowhere/server.crt" }, key = { file = "rsa.key" } }]],
  "LUA: app.lua:2: open ENOENT: no such file or directory /nowhere/server.crt (options.cert)")

add("a file that is given by another field", [[
tls.createServer { cert = { path = "rsa.crt" }, key = { path = "rsa.key" } }]],
  'LUA: app.lua:2: The "options.key" property must be of type string, { file="path" } or an array of them and of ' ..
  '{ pem="text" }. ' .. "Received type table [ERR_INVALID_ARG_TYPE]")

add("an open file", [[
tls.connect { port = 443, ca = io.open "ca.crt" }]],
  'LUA: app.lua:2: The "options.ca" property must be of type string, { file="path" } or an array of them. ' ..
  "Received type userdata [ERR_INVALID_ARG_TYPE]")

add("a folder in place of a file", [[
tls.connect { port = 443, ca = { file = "/etc" } }]],
  "LUA: app.lua:2: read EISDIR: illegal operation on a directory /etc (options.ca): name a file in it")

add("another file than was meant", [[
tls.connect { port = 443, ca = { read "ca.crt", { file = "rsa.key" } } }]],
  'LUA: app.lua:2: error:0480006C:PEM routines::no start line (options.ca[2], file "rsa.key"): found PRIVATE ' ..
  "KEY, wanted CERTIFICATE: a private key is the option 'key' [ERR_OSSL_PEM_NO_START_LINE]")

add("a certificate that is too weak", [[
tls.createServer { cert = read "small.crt", key = read "small.key" }]],
  "LUA: app.lua:2: error:0A00018F:SSL routines::ee key too small (options.cert): the certificate " ..
  "CN=localhost has an RSA 1024 key, worth 80 bits, and @SECLEVEL=2 wants 112 bits of security: have a " ..
  "stronger one made; ciphers='DEFAULT:@SECLEVEL=1' takes it, and lets peers use what can be broken " ..
  "[ERR_SSL_EE_KEY_TOO_SMALL]")

add("a cipher in lower case", [[
tls.connect { port = 443, ciphers = "ecdhe-rsa-aes128-gcm-sha256" }]],
  "LUA: app.lua:2: error:0A0000B9:SSL routines::no cipher match (options.ciphers): " ..
  "'ecdhe-rsa-aes128-gcm-sha256' is unknown; did you mean 'ECDHE-RSA-AES128-GCM-SHA256'? " ..
  "[ERR_SSL_NO_CIPHER_MATCH]", { until_4 = true })

add("a misspelt curve", [[
tls.connect { port = 443, ecdhCurve = "P-256:prime256" }]],
  "LUA: app.lua:2: Failed to set ECDH curve (options.ecdhCurve): 'prime256' is unknown; did you mean " ..
  "'prime256v1'? [ERR_CRYPTO_OPERATION_FAILED]")

add("versions that leave none over", [[
tls.connect { port = 443, maxVersion = "TLSv1.1" }]],
  "LUA: app.lua:2: maxVersion TLSv1.1 leaves no version over: minVersion is TLSv1.2, the default " ..
  "[ERR_TLS_PROTOCOL_VERSION_CONFLICT]")

-- === the handshake ===

add("HTTP spoken to a TLS port", [[
serve({}, function(port, server)
  server:on("tlsClientError", show)
  net.connect(port):write "GET / HTTP/1.1\r\n\r\n"
end)]],
  "error:0A00009C:SSL routines::http request: a plain HTTP client spoke to this TLS port: it has to use " ..
  "https://; it sent 'GET / HTTP/1.1' [ERR_SSL_HTTP_REQUEST]")

add("TLS spoken to a port of HTTP", [[
plain("HTTP/1.1 400 Bad Request\r\n\r\n", function(port)
  tls.connect { port = port }
end)]],
  "EVENT: error:0A00010B:SSL routines::wrong version number: the peer sent 'HTTP/1.1 400 Bad Request'; it does " ..
  "not speak TLS on this port (it is a plain HTTP server's) [ERR_SSL_WRONG_VERSION_NUMBER]")

add("TLS spoken to a port of SMTP", [[
plain("220 mail.example.com ESMTP\r\n", function(port)
  tls.connect { port = port }
end)]],
  "EVENT: error:0A00010B:SSL routines::wrong version number: the peer sent '220 mail.example.com ESMTP'; it " ..
  "does not speak TLS on this port (SMTP or FTP: it may want STARTTLS, a few lines of plain text before TLS) " ..
  "[ERR_SSL_WRONG_VERSION_NUMBER]")

add("an old protocol, on the client", [[
serve({ minVersion = "TLSv1.3" }, function(port)
  tls.connect { port = port, maxVersion = "TLSv1.2", ca = read "ca.crt" }
end)]],
  "EVENT: error:0A00042E:SSL routines::tlsv1 alert protocol version: the server accepts no version of this " ..
  "side's, TLSv1.2 alone (options 'minVersion', 'maxVersion') [ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION]")

add("an old protocol at OpenSSL's usual security level", [[
serve({ minVersion = "TLSv1" }, function(port, server)
  server:on("tlsClientError", show)
  local client = tls.connect { port = port, minVersion = "TLSv1", maxVersion = "TLSv1.1",
    ciphers = "DEFAULT@SECLEVEL=0" }
  client:on("error", function() end)
end)]],
  "error:0A000076:SSL routines::no suitable signature algorithm: TLSv1.1 signs with SHA-1, which OpenSSL does only " ..
  "where option 'ciphers' ends in '@SECLEVEL=0', at both ends [ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM]",
  { newer = { { "no suitable signature algorithm", "unsupported protocol" }, { "0A000076", "0A000102" },
    { "NO_SUITABLE_SIGNATURE_ALGORITHM", "UNSUPPORTED_PROTOCOL" } } })

add("an old protocol, on the server", [[
serve({ minVersion = "TLSv1.3" }, function(port, server)
  server:on("tlsClientError", show)
  tls.connect({ port = port, maxVersion = "TLSv1.2", ca = read "ca.crt" }):on("error", function() end)
end)]],
  "error:0A000102:SSL routines::unsupported protocol: the client offers TLSv1.2 at most, this side allows " ..
  "TLSv1.3 alone (options 'minVersion', 'maxVersion') [ERR_SSL_UNSUPPORTED_PROTOCOL]")

add("a server without a certificate", [[
local server = tls.createServer {}
server:on("tlsClientError", show)
server:listen(0, function()
  tls.connect(server:address().port):on("error", function() end)
end)]],
  "error:0A000076:SSL routines::no suitable signature algorithm: the server has no certificate, pass 'key' and " ..
  "'cert' [ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM]")

add("a server without a certificate, seen by its client", [[
local server = tls.createServer {}
server:listen(0, function()
  tls.connect(server:address().port)
end)]],
  "EVENT: error:0A000410:SSL routines::ssl/tls alert handshake failure: the server can use none of the " ..
  "ciphers, groups and versions that this client offers ('ciphers', 'ecdhCurve', 'minVersion', 'maxVersion'), " ..
  "or it has no certificate, or it wants one of the client ('key' and 'cert') " ..
  "[ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE]")

add("a server with a certificate and no key", [[
local server = tls.createServer { cert = read "rsa.crt" }
server:on("tlsClientError", show)
server:listen(0, function()
  tls.connect(server:address().port):on("error", function() end)
end)]],
  "error:0A000076:SSL routines::no suitable signature algorithm: the server has a certificate and no key for it, " ..
  "pass 'key' [ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM]")

add("a client without a certificate, on the server", [[
serve({ requestCert = true, rejectUnauthorized = true, ca = read "ca.crt" }, function(port, server)
  server:on("tlsClientError", show)
  tls.connect({ port = port, ca = read "ca.crt" }):on("error", function() end)
end)]],
  "error:0A0000C7:SSL routines::peer did not return a certificate: this server asks every client for one " ..
  "(options 'requestCert' and 'rejectUnauthorized'), the client has to pass its 'key' and 'cert' " ..
  "[ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE]")

add("a client without a certificate", [[
serve({ requestCert = true, rejectUnauthorized = true, ca = read "ca.crt" }, function(port)
  tls.connect { port = port, ca = read "ca.crt" }
end)]],
  "EVENT: error:0A00045C:SSL routines::tlsv13 alert certificate required: the server wants a client " ..
  "certificate, pass 'key' and 'cert' [ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED]")

add("a client whose authority the server does not trust, on the client", [[
serve({ requestCert = true, rejectUnauthorized = true, ca = read "ca.crt" }, function(port)
  tls.connect { port = port, ca = read "ca.crt", cert = read "stranger.crt", key = read "stranger.key" }
end)]],
  "EVENT: error:0A000418:SSL routines::tlsv1 alert unknown ca: the server does not trust the certificate of " ..
  "'cert': its issuer has to be among the server's 'ca', and 'cert' has to hold the intermediate certificates " ..
  "as well [ERR_SSL_TLSV1_ALERT_UNKNOWN_CA]")

add("a client with a certificate and no key", [[
serve({ requestCert = true, rejectUnauthorized = true, ca = read "ca.crt" }, function(port)
  tls.connect { port = port, ca = read "ca.crt", cert = read "agent.crt" }
end)]],
  "EVENT: error:0A00045C:SSL routines::tlsv13 alert certificate required: the server wants a client " ..
  "certificate, and 'cert' is here without its 'key' [ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED]")

add("no protocol in common", [[
serve({ ALPNProtocols = { "h2" } }, function(port)
  tls.connect { port = port, ca = read "ca.crt", ALPNProtocols = { "http/1.1" } }
end)]],
  "EVENT: error:0A000460:SSL routines::tlsv1 alert no application protocol: the server has none of the " ..
  "protocols http/1.1 (option 'ALPNProtocols') [ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL]")

add("no cipher in common", [[
serve({ ciphers = "ECDHE-RSA-AES128-GCM-SHA256", maxVersion = "TLSv1.2" }, function(port, server)
  server:on("tlsClientError", show)
  tls.connect({ port = port, ca = read "ca.crt", maxVersion = "TLSv1.2", ciphers = "ECDHE-RSA-AES256-GCM-SHA384" })
    :on("error", function() end)
end)]],
  "error:0A0000C1:SSL routines::no shared cipher: none of the client's ciphers (ECDHE-RSA-AES256-GCM-SHA384) " ..
  "fits the server's option 'ciphers', its certificate with an RSA key, and TLSv1.2 alone " ..
  "[ERR_SSL_NO_SHARED_CIPHER]")

add("DHE parameters that are too short", [[
local dh, stderr = read "dh1024.pem", io.stderr
io.stderr = { write = function() end } -- the server's own warning
serve({ dhparam = dh, maxVersion = "TLSv1.2", ciphers = "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0" }, function(port)
  io.stderr = stderr
  -- with a group for DHE, as ffdhe2048, OpenSSL 4.0 takes that
  tls.connect { port = port, ca = read "ca.crt", ecdhCurve = "P-256" }
end)]],
  "EVENT: error:0A00018A:SSL routines::dh key too small: the Diffie-Hellman parameters are too short, the " ..
  "server needs 2048 bits ('dhparam') or ECDHE; where it has to do, lower OpenSSL's security level by " ..
  "'@SECLEVEL=1' (or 0) at the end of option 'ciphers' [ERR_SSL_DH_KEY_TOO_SMALL]")

add("a context in place of the error", [[
serve({ SNICallback = function(_, done) done(tls.createSecureContext()) end }, function(port, server)
  server:on("tlsClientError", show)
  tls.connect({ port = port, host = "localhost" }):on("error", function() end)
end)]],
  "Invalid SNI context: the callback's first argument is an error, answer callback(nil, context) " ..
  "[ERR_TLS_INVALID_CONTEXT]")

-- === calls ===

add("a dot for a colon", [[
local server = tls.createServer { cert = read "rsa.crt", key = read "rsa.key" }
server.listen(8443)]],
  'LUA: app.lua:3: Value of "this" must be of type Server. Received type number: call server:listen(...) with ' ..
  "a colon, not a dot [ERR_INVALID_THIS]")

add("a dot for a colon in a callback", [[
serve({}, function(port)
  local client
  client = tls.connect({ port = port, ca = read "ca.crt" }, function() client.write("x") end)
end)]],
  'LUV: app.lua:4: Value of "this" must be of type Socket. Received type string: call socket:write(...) with a ' ..
  "colon, not a dot [ERR_INVALID_THIS]")

add("a colon for a dot", [[
tls:connect { port = 443 }]],
  "LUA: app.lua:2: The first argument is the module itself: call tls.connect(...) with a dot, not a colon " ..
  "[ERR_INVALID_ARG_TYPE]")

add("a colon for a dot, in a server", [[
tls:createServer { cert = read "rsa.crt", key = read "rsa.key" }]],
  "LUA: app.lua:2: The first argument is the module itself: call tls.createServer(...) with a dot, not a colon " ..
  "[ERR_INVALID_ARG_TYPE]")

add("an event without a listener", [[
net.connect(1):on("error")]],
  'LUA: app.lua:2: The "listener" argument must be of type function. Received nil [ERR_INVALID_ARG_TYPE]')

add("a number for a text", [[
net.connect(1):write(5)]],
  'LUA: app.lua:2: The "chunk" argument must be of type string. Received type number (5) [ERR_INVALID_ARG_TYPE]')

add("a write after finish", [[
serve({}, function(port)
  local client = tls.connect { port = port, ca = read "ca.crt" }
  client:finish "x"
  client:write "y"
end)]],
  "EVENT: app.lua:5: write after end [ERR_STREAM_WRITE_AFTER_END]")

add("an error in a coroutine that is a listener", [[
serve({}, function(port)
  local wake = coroutine.wrap(function()
    coroutine.yield()
    error "oops"
  end)
  wake()
  tls.connect({ port = port, ca = read "ca.crt" }, wake)
end)]],
  "LUV: app.lua:5: oops")

add("an error behind a text, by ..", [[
net.connect(1, "127.0.0.1"):on("error", function(err)
  io.stderr:write("it failed: " .. err .. "\n")
  os.exit(1)
end)]],
  "it failed: connect ECONNREFUSED 127.0.0.1:1")

add("a mistake in a timer's callback", [[
local timer = uv.new_timer()
timer:start(1, 0, tls.wrap(function() tls.connect {} end))]],
  'LUV: app.lua:3: The "options" or "port" or "path" argument must be specified [ERR_MISSING_ARGS]')

add("a server that never runs", [[
local server = tls.createServer { cert = read "rsa.crt", key = read "rsa.key" }
server:listen(0, "127.0.0.1")]],
  "tls: a server is listening on 127.0.0.1:PORT, but the loop never ran: the program has to end with " ..
  "require(\"luv\").run(), and did not get there",
  { without_loop = true })

add("a client that never runs", [[
tls.connect { host = "127.0.0.1", port = 443 }]],
  "tls: a client is connecting to 127.0.0.1:443, but the loop never ran: the program has to end with " ..
  "require(\"luv\").run(), and did not get there",
  { without_loop = true })

return mistakes

-- Ordinary mistakes: what was done wrong, a program that does it, and the first line that its user sees on stderr.
--
-- A program begins with HEADER, its line 1, and ends with uv.run(): see spec/mistakes_spec.lua, which runs it in a
-- folder with the certificates of spec/support/certs.lua, on each Lua. It may use `read`, `serve`, `plain` and `show` of
-- spec/support/mistakes_peer.lua, and need not end: an error that nobody handles ends it.
--
-- Of the line, these stand for what differs between runs:
--   LUA:   how the interpreter begins what ends a program: "lua5.4: "
--   LUV:   how luv begins what a callback throws: "Uncaught Error: "
--   EVENT: the same for an 'error' that nobody listens for, which the line says at its end
--   PORT   a number
--   DATE   a moment: 2026-11-26 20:30:00 GMT
--   AGO    a span: 634 days
local mistakes = {}

mistakes.HEADER = 'local tls, net, uv, peer = require "tls", require "tls.net", require "luv", require "peer" ' ..
  "local read, serve, plain, show = peer.read, peer.serve, peer.plain, peer.show\n"

local function add(what, program, line)
  mistakes[#mistakes + 1] = { what = what, program = program, line = line }
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
  "anew? Pass the one that goes with it as option 'ca' [UNABLE_TO_VERIFY_LEAF_SIGNATURE]")

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
  "2100-01-01 00:00:00 GMT; is this machine's clock right? It says DATE [CERT_NOT_YET_VALID]")

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

return mistakes

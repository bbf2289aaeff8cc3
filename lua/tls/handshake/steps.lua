--- Internal. What tls.debug shows of a TLS connection: its handshakes, its peer, its end. Each function is called when
-- `debug_lines.on` is set. What is shown of the peer's is escaped and cut.
--
-- To make a line allocates memory, so the collector may run a finalizer of the user's, which may destroy the socket:
-- who calls looks afterwards whether it is still there, where that matters.
-- @module tls.handshake.steps

local core = require "tls.core"
local connection_steps = require "tls.net.connection_steps"
local debug_lines = require "tls.support.debug_lines"
local first_bytes = require "tls.handshake.first_bytes"

local shown, write = debug_lines.shown, connection_steps.write

local steps = {}

local VERSIONS = {
  [0x304] = "TLSv1.3", [0x303] = "TLSv1.2", [0x302] = "TLSv1.1", [0x301] = "TLSv1", [0x300] = "SSLv3",
}

local alert_names = {} -- by number
for name, number in pairs(core.alerts) do alert_names[number] = name end

local CLOSE_NOTIFY = 0
local CLIENT_HELLO, CERTIFICATE, CERTIFICATE_REQUEST, KEY_UPDATE, COMPRESSED_CERTIFICATE = 1, 11, 13, 24, 25

-- Names of ALPN that a peer has sent, or of one that it has chosen.
local function protocols(list)
  local names = {}
  for i, name in ipairs(list) do
    if i > 8 then
      names[i] = "..."
      break
    end
    names[i] = shown(name)
  end
  return table.concat(names, ",")
end

local function versions(list)
  local names = {}
  for _, version in ipairs(list) do names[#names + 1] = VERSIONS[version] end
  return #names > 0 and table.concat(names, ", ") or "no version that is known"
end

-- The parts of a line that are there.
local function join(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local part = select(i, ...)
    if part then parts[#parts + 1] = part end
  end
  return table.concat(parts, ", ")
end

local function certificate_name(name)
  return shown((name or ""):gsub("\n", ", "), 200)
end

-- What the socket's connection answers; nil once it is gone.
local function ask(socket, question)
  local conn = socket._conn
  if conn then return conn[question](conn) end
  return nil
end

-- === messages ===

-- The generation of the handshake whose certificates have been shown; true: of the one under way.
local shown_in = setmetatable({}, { __mode = "k" })

local function client_hello_sent(socket)
  if not socket.secureConnecting then return write(socket, "ClientHello sent again") end
  shown_in[socket] = nil -- the socket may have been connected before
  local options, name = socket._options, ask(socket, "getServername")
  write(socket, "ClientHello sent: %s", join(
    name and "servername " .. shown(name) or "no servername",
    options.ech and (options.ech.config and "hidden by ECH" or "with grease for ECH"),
    options.ALPNProtocols and "ALPN " .. protocols(first_bytes.protocols(options.ALPNProtocols)),
    options.session and "session offered",
    options.earlyData and "with early data"))
end

local function certificate_requested(socket, sent)
  if sent then return write(socket, "the client is asked for a certificate") end
  local own = ask(socket, "getX509Certificate")
  write(socket, "the server asks for a certificate: %s", own and certificate_name(own.subject) or "there is none")
end

local function alert(socket, sent, number, fatal)
  if number == CLOSE_NOTIFY then
    if sent then write(socket, "end sent (close_notify)") end -- the peer's: see peer_ended
    return
  end
  write(socket, "alert %s: %s (%s)", sent and "sent" or "received", alert_names[number] or tostring(number),
    fatal and "fatal" or "warning")
end

local SESSION_TICKET, PRE_SHARED_KEY = 35, 41 -- extensions

-- In TLS 1.3 a session is offered as a pre-shared key is, and the id of a session stands for nothing.
local function offered(info)
  local ticket, by_version = info.extensionData[SESSION_TICKET], {}
  for _, version in ipairs(info.versions) do by_version[version] = true end
  if info.extensionData[PRE_SHARED_KEY] then return "session or pre-shared key offered" end
  if ticket and #ticket > 0 then return "session offered" end
  return info.sessionId and not by_version[0x304] and "session offered"
end

local function hidden(found)
  if found.status ~= "accepted" then return found.status ~= "none" and "ECH " .. found.status end
  return "hidden by ECH" .. (found.outerServername and " behind " .. shown(found.outerServername) or "")
end

--- A client's ClientHello.
--- @param info tls.ClientHello
function steps.client_hello(socket, info)
  write(socket, "ClientHello: %s", join(
    versions(#info.versions > 0 and info.versions or { info.version }),
    info.servername and "servername " .. shown(info.servername) or "no servername",
    hidden(ask(socket, "getEch") or { status = "none" }),
    #info.ALPNProtocols > 0 and "ALPN " .. protocols(info.ALPNProtocols),
    ("%d ciphers"):format(#info.ciphers),
    offered(info)))
end

--- Which context goes on with the handshake, where there is a choice.
--- @param chosen tls.SecureContext? nil: the server's own
function steps.context(socket, chosen)
  local name = socket.servername and shown(socket.servername) or "a client without servername"
  if not chosen then return write(socket, "no context for %s: the server's own is used", name) end
  local der = core.contextCertificate(chosen._native)
  write(socket, "context chosen for %s: %s", name,
    der and "certificate " .. certificate_name(core.x509(der).subject) or "without a certificate")
end

-- === the peer ===

local MOST_CERTIFICATES = 10

local function show_certificates(socket)
  local cert, depth = ask(socket, "getPeerX509Certificate"), 0
  if not cert and ask(socket, "isRawKey") then return write(socket, "the peer has shown a raw public key") end
  if not cert then write(socket, "the peer has no certificate") end
  while cert and depth < MOST_CERTIFICATES do
    write(socket, "certificate %d: %s, issuer %s, valid until %s", depth, certificate_name(cert.subject),
      certificate_name(cert.issuer), shown(cert.validTo))
    cert, depth = cert.issuerCertificate, depth + 1
  end
end

-- The peer's Certificate has come. OpenSSL has verified it meanwhile, and has perhaps sent an alert.
local function certificate_received(socket)
  shown_in[socket] = true
  show_certificates(socket)
end

-- Once for each handshake. With a resumed session come the certificates of the one that it was made in.
local function certificates(socket, generation)
  local before = shown_in[socket]
  shown_in[socket] = generation
  if before == true or before == generation then return end
  if not ask(socket, "isPsk") then show_certificates(socket) end
end

-- The user's error may have anything in these fields.
local function reason(refusal)
  local ok, code, depth, subject = pcall(function() return refusal.code, refusal.depth, refusal.subject end)
  if not ok or not code then return debug_lines.message(refusal) end
  if type(depth) ~= "number" or depth < 0 then return shown(code) end -- the error may be the user's
  return ("%s at depth %s%s"):format(shown(code), depth, subject and ", " .. shown(subject, 200) or "")
end

-- What the chain alone would have been refused for.
local function overridden(socket)
  local code = ask(socket, "getVerifyError")
  return ("accepted by option 'verify', although %s"):format(code or "the name does not match")
end

local function verdict(socket, refusal, override)
  if refusal and socket._options.rejectUnauthorized then return "refused: " .. reason(refusal) end
  if refusal then return ("not authorized: %s; rejectUnauthorized is false"):format(reason(refusal)) end
  if override then return overridden(socket) end
  if ask(socket, "isPsk") then return "verified: pre-shared key" end
  if ask(socket, "isRawKey") then return "verified: raw public key" end
  local host = not socket._options.isServer and socket._name_to_verify
  return "verified: ok" .. (host and " (" .. shown(host) .. ")" or "")
end

-- What a good response says, in so far as its issuer is at hand.
local function good_response(socket, response)
  local conn = socket._conn
  local cert = conn and conn:getPeerCertificate(true) or {}
  local issuer = cert.issuerCertificate
  local answer = issuer and core.ocsp.verify(response, core.x509(cert.raw), core.x509(issuer.raw), os.time())
  if not answer then return "good" end
  return ("good, until %s, signed by %s"):format(os.date("!%Y-%m-%dT%H:%M:%SZ", answer.validUntil),
    certificate_name(answer.responder))
end

--- A client that has asked for an OCSP response has all that comes of the server's certificate.
--- @param response string? DER
function steps.stapled(socket, response)
  local looks, fault = socket._options.ocsp, ask(socket, "getOcspError")
  if not response then
    return write(socket, "no OCSP response stapled%s", fault and ": " .. fault or "")
  end
  write(socket, "OCSP response stapled: %s", not looks and ("%d bytes, nobody looks at them"):format(#response)
    or fault or good_response(socket, response))
end

--- A client knows whether its ECH was accepted.
--- @param found tls.Ech
function steps.ech(socket, found)
  if found.status == "accepted" then return write(socket, "ECH accepted") end
  write(socket, "ECH not accepted: the server has to be %s", shown(found.outerServername or "?"))
end

--- There is a verdict on the peer.
--- @param generation integer of the handshake
--- @param refusal any an error, or nil
--- @param override boolean? the user accepts what OpenSSL does not
function steps.verdict(socket, generation, refusal, override)
  if not socket._conn then return end -- checkServerIdentity has destroyed it
  certificates(socket, generation)
  write(socket, "%s", verdict(socket, refusal, override))
end

--- The handshake has failed with this error. It may be that OpenSSL has refused the peer.
--- @param err tls.Error
function steps.refused(socket, err)
  if ask(socket, "getVerifyError") == err.code then write(socket, "refused: %s", reason(err)) end
end

-- === the connection ===

--- The core has noted a message.
function steps.message(socket, is_alert, sent, number, fatal)
  if is_alert then return alert(socket, sent, number, fatal) end
  if number == CLIENT_HELLO then return client_hello_sent(socket) end
  if number == CERTIFICATE or number == COMPRESSED_CERTIFICATE then return certificate_received(socket) end
  if number == CERTIFICATE_REQUEST then return certificate_requested(socket, sent) end
  if number == KEY_UPDATE then write(socket, sent and "new keys sent" or "new keys received") end
end

-- What a handshake has agreed on.
local function negotiated(socket)
  local conn = socket._conn
  if not conn then return "the connection is gone" end
  local cipher, group = conn:getCipher(), conn:getGroup()
  local early = conn:isEarlyDataAccepted()
  return join(conn:getProtocol() or "unknown protocol", cipher and cipher.standardName, group,
    socket.alpnProtocol and "ALPN " .. shown(socket.alpnProtocol),
    conn:isPsk() and "pre-shared key" or conn:isSessionReused() and "session resumed" or "full handshake",
    early ~= nil and (early and "early data accepted" or "early data rejected"))
end

--- The peer of the first handshake is accepted: data may go both ways.
function steps.secure(socket) write(socket, "secure: %s", negotiated(socket)) end

--- A later handshake has begun; up to TLS 1.2.
function steps.renegotiating(socket) write(socket, "renegotiation begun") end

--- A later handshake has finished, and its peer is accepted.
function steps.renegotiated(socket)
  local protocol = ask(socket, "getProtocol")
  if protocol == "TLSv1.3" then return write(socket, "the client's late certificate is accepted") end
  write(socket, "renegotiated: %s", negotiated(socket))
end

--- The peer sends no more.
--- @param truncated boolean there was no close_notify
function steps.peer_ended(socket, truncated)
  write(socket, "peer ended (%s)", truncated and "FIN without close_notify" or "close_notify")
end

return steps

-- Keys of Encrypted Client Hello, made by the openssl command; where it has them, as the core does.
--
--   local ech = require "spec.support.ech"
--   if not ech.here then return pending(ech.why) end
--   local key = ech.key "cover.example.test"
--   key.pem, key.config (base64), key.list (the same, decoded), key.entry (without its size)
--
-- And a server for a public name and a hidden one, visits to it, and what both ends are to have seen then.
local assert = require "luassert"
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local core = require "tls.core"
local net = require "tls.net"
local openssl = require "spec.support.openssl"
local tls = require "tls"

local COVER = "cover.example.test" -- the public name: of the certificate `wildcard`
local HIDDEN = "localhost" -- the name that is hidden: of the certificate `rsa`

local ech = {
  COVER = COVER, HIDDEN = HIDDEN, here = core.canEch,
  why = "Encrypted Client Hello needs OpenSSL 4.0, and this is " .. openssl.name,
}

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- What `openssl ech` writes for a public name.
function ech.key(public_name)
  local path = os.tmpname()
  local status = os.execute(("openssl ech -public_name %s -out %s >/dev/null 2>&1"):format(public_name, path))
  local pem = read(path)
  os.remove(path)
  assert(status == true or status == 0, "openssl ech has failed")
  local config = pem:match "BEGIN ECHCONFIG%-+\n(.-)%-+END":gsub("%s", "")
  local list = core.decodeBase64(config)
  return { pem = pem, config = config, list = list, entry = list:sub(3) }
end

--- A list of these entries, in binary form.
function ech.list(...)
  local body = table.concat { ... }
  return string.char(math.floor(#body / 256), #body % 256) .. body
end

--- Calls fn(path) with a file of this text.
function ech.with_file(text, fn)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  local ok, err = pcall(fn, path)
  os.remove(path)
  if not ok then error(err, 0) end
end

ech.merged = require "spec.support.merged"

--- A server for the public name, with a context for the hidden one; `prepare(server)` before it listens. Between it and
-- its clients is a plain server, which notes in seen.wire what clients send. done(seen) when `client` has been called
-- with the port and has called its argument.
function ech.serve(options, client, prepare)
  local seen = { accepted = 0, ech = {}, names = {}, alpn = {}, data = "", errors = {}, hellos = {}, wire = "",
    reused = {} }
  local server = tls.createServer(ech.merged({ key = certs.wildcard.key, cert = certs.wildcard.cert }, options),
    function(socket)
      seen.accepted = seen.accepted + 1
      table.insert(seen.ech, socket:getEch())
      table.insert(seen.names, socket.servername)
      table.insert(seen.alpn, socket.alpnProtocol)
      table.insert(seen.reused, socket:isSessionReused())
      socket:on("error", function(err) table.insert(seen.errors, err) end)
      socket:on("data", function(data) seen.data = seen.data .. data end)
      socket:on("end", function() socket:finish "bye" end)
    end)
  server:addContext(HIDDEN, { key = certs.rsa.key, cert = certs.rsa.cert, maxEarlyData = options.maxEarlyData })
  server:on("tlsClientError", function(err) table.insert(seen.errors, err) end)
  if prepare then prepare(server, seen) end
  local between = net.createServer({ allowHalfOpen = true }, function(socket)
    local inner = net.connect { port = server:address().port, host = "127.0.0.1", allowHalfOpen = true }
    socket:on("data", function(data) seen.wire = seen.wire .. data end)
    socket:on("error", function() inner:destroy() end)
    inner:on("error", function() socket:destroy() end)
    inner:pipe(socket)
    socket:pipe(inner)
  end)
  server:listen(0, "127.0.0.1", function()
    between:listen(0, "127.0.0.1", function()
      client(between:address().port, helper.expect(function()
        server:close()
        between:close()
      end))
    end)
  end)
  helper.run()
  return seen
end

--- One visit; done(result) at its end.
function ech.visit(port, options, done)
  local result = { sessions = {}, keylog = {} }
  options = ech.merged({ port = port, host = "127.0.0.1", servername = HIDDEN, ca = certs.ca.cert }, options)
  local socket = tls.connect(options, function() result.secure = (result.secure or 0) + 1 end)
  result.socket = socket
  socket:write "secret" -- before there is a handshake
  socket:on("secureConnect", function()
    result.ech, result.authorized, result.reused = socket:getEch(), socket.authorized, socket:isSessionReused()
    result.names = socket:getPeerCertificate().subjectaltname
    result.alpn, result.name, result.protocol = socket.alpnProtocol, socket.servername, socket:getProtocol()
    socket:finish()
  end)
  socket:on("session", function(data)
    table.insert(result.sessions, data)
    result.ticket = socket:getTLSTicket()
  end)
  socket:on("keylog", function(line) table.insert(result.keylog, line) end)
  socket:on("error", function(err) result.err = err end)
  socket:on("close", helper.expect(function() done(result) end))
  socket:resume()
end

--- One visit to one server: what both have seen.
function ech.once(server_options, client_options, prepare)
  local result
  local seen = ech.serve(server_options, function(port, done)
    ech.visit(port, client_options, function(of_client)
      result = of_client
      done()
    end)
  end, prepare)
  return result, seen
end

--- Is the text among the bytes?
function ech.contains(bytes, text) return bytes:find(text, 1, true) ~= nil end

--- The handshake has gone through, hidden.
function ech.check_accepted(client, server, cover)
  assert.is_nil(client.err)
  assert.equal(1, client.secure)
  assert.is_true(client.authorized)
  assert.equal("TLSv1.3", client.protocol)
  local both = { status = "accepted", innerServername = HIDDEN, outerServername = cover or COVER }
  assert.same(both, client.ech)
  assert.same({ both }, server.ech)
  assert.same({ HIDDEN }, server.names)
  assert.equal("secret", server.data)
  assert.same({}, server.errors)
  assert.is_false(ech.contains(server.wire, HIDDEN))
  assert.is_true(ech.contains(server.wire, cover or COVER))
end

--- The client has ended the handshake, and nothing of what it had to say has left it.
function ech.check_failed(client, server, code, alert)
  assert.is_nil(client.secure)
  assert.equal(code, client.err.code)
  assert.equal(alert, client.err.alert)
  assert.equal("sent", client.err.alertDirection)
  assert.is_false(ech.contains(server.wire, HIDDEN))
  assert.equal("", server.data)
  assert.equal(1, #server.errors)
  assert.equal(alert, server.errors[1].alert)
end

--- The same, because the server has not accepted what was hidden.
function ech.check_rejected(client, server, words)
  ech.check_failed(client, server, "ERR_TLS_ECH_REJECTED", "ech_required")
  local hidden = "the client has hidden its ClientHello"
  assert.is_truthy(server.errors[1].message:find(hidden, 1, true), server.errors[1].message)
  assert.is_truthy(client.err.message:find("the server has not accepted Encrypted Client Hello: " .. words, 1, true),
    client.err.message)
end

return ech

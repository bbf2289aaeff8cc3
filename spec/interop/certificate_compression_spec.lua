-- Compressed certificates (RFC 8879) against the openssl command: which messages really went over the wire.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local child = require "spec.support.child"
local tls = require "tls"

local NAMES = tls.getCertificateCompressionAlgorithms()

-- How many messages of each of the two kinds the output of -msg has, in one direction.
local function counted(output, direction)
  local compressed, plain = 0, 0
  for name in output:gmatch(direction .. " TLS 1%.3, Handshake %[length %x+%], (%w+)") do
    if name == "CompressedCertificate" then compressed = compressed + 1 end
    if name == "Certificate" then plain = plain + 1 end
  end
  return { compressed, plain }
end

-- s_client, which takes and sends all that it can, but for what `more` says.
local function s_client(server_options, more)
  local seen = {}
  local options = { key = certs.rsa.key, cert = certs.rsa.cert, ca = certs.ca.cert, requestCert = true,
    rejectUnauthorized = true }
  for name, value in pairs(server_options) do options[name] = value end
  local server = tls.createServer(options, function(socket)
    seen.authorized = socket.authorized
    socket:finish "bye\n"
    socket:resume()
  end)
  server:listen(0, "127.0.0.1", helper.expect(function()
    local command = { "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port, "-tls1_3", "-CAfile",
      certs.ca.cert_file, "-cert", certs.agent.cert_file, "-key", certs.agent.key_file, "-msg",
      "-verify_return_error" }
    for _, word in ipairs(more or {}) do command[#command + 1] = word end
    local client
    client = child.spawn(command, helper.expect(function(_, output)
      seen.output = output
      server:close()
    end))
    client:when("bye\n", function() client:write "Q\n" end)
  end))
  helper.run(30000)
  assert.truthy(seen.output:find("Verify return code: 0 (ok)", 1, true), seen.output)
  assert.is_true(seen.authorized)
  return { counted(seen.output, "<<<"), counted(seen.output, ">>>") }
end

-- s_server, whose certificate is compressed beforehand.
local function s_server(client_options, more)
  local seen = {}
  local command = { "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certs.rsa.cert_file, "-key",
    certs.rsa.key_file, "-CAfile", certs.ca.cert_file, "-Verify", "1", "-verify_return_error", "-msg", "-rev",
    "-cert_comp" }
  for _, word in ipairs(more or {}) do command[#command + 1] = word end
  local server = child.spawn(command, helper.expect())
  server:when_accepting(helper.expect(function(port)
    local options = { port = port, host = "127.0.0.1", ca = certs.ca.cert, servername = "localhost",
      key = certs.agent.key, cert = certs.agent.cert }
    for name, value in pairs(client_options) do options[name] = value end
    local client
    client = tls.connect(options, helper.expect(function()
      seen.authorized = client.authorized
      client:write "forwards\n"
    end))
    client:on("data", function() client:finish() end)
    client:on("close", helper.expect(function(had_error)
      assert.is_false(had_error)
      seen.output = server.output
      server:stop()
    end))
  end))
  helper.run(30000)
  assert.is_true(seen.authorized)
  return { counted(seen.output, ">>>"), counted(seen.output, "<<<") }
end

local COMPRESSED, PLAIN = { 1, 0 }, { 0, 1 }

describe("certificateCompression, openssl:", function()
  if #NAMES == 0 then
    pending "not with this OpenSSL"
    return
  end

  for _, name in ipairs(NAMES) do
    it("s_client and our server compress both certificates: " .. name, function()
      assert.same({ COMPRESSED, COMPRESSED }, s_client { certificateCompression = { name } })
    end)
    it("s_server and our client compress both certificates: " .. name, function()
      assert.same({ COMPRESSED, COMPRESSED }, s_server { certificateCompression = { name } })
    end)
  end

  it("nothing is compressed without the option", function()
    assert.same({ PLAIN, PLAIN }, s_client {})
    assert.same({ PLAIN, PLAIN }, s_server {})
  end)

  it("nothing is compressed for a peer that takes nothing, nor taken from one that sends nothing", function()
    local options = { certificateCompression = NAMES }
    assert.same({ PLAIN, COMPRESSED }, s_client(options, { "-no_rx_cert_comp" }))
    assert.same({ COMPRESSED, PLAIN }, s_client(options, { "-no_tx_cert_comp" }))
    assert.same({ COMPRESSED, PLAIN }, s_server(options, { "-no_rx_cert_comp" }))
    assert.same({ PLAIN, COMPRESSED }, s_server(options, { "-no_tx_cert_comp" }))
  end)
end)

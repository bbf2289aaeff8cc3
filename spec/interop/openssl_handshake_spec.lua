-- Handshakes against openssl's s_client and s_server that have no spec of their own elsewhere.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local tls = require "tls"

-- Our server and one s_client; on_done(output).
local function s_client(options, args, on_socket, prepare, on_done)
  options.key, options.cert = options.key or certs.rsa.key, options.cert or certs.rsa.cert
  local server = tls.createServer(options, on_socket)
  if prepare then prepare(server) end
  server:listen(0, "127.0.0.1", function()
    local command = { "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port, "-ign_eof" }
    for _, word in ipairs(args) do command[#command + 1] = word end
    Child.spawn(command, helper.expect(function(_, output)
      server:close()
      on_done(output)
    end))
  end)
  helper.run()
end

-- One s_server, whose port on_ready(port, child) gets; on_done(output).
local function s_server(args, on_ready, on_done)
  local command = { "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certs.rsa.cert_file, "-key",
    certs.rsa.key_file, "-naccept", "1" }
  for _, word in ipairs(args) do command[#command + 1] = word end
  local child = Child.spawn(command, helper.expect(function(_, output)
    if on_done then on_done(output) end
  end))
  child:when("ACCEPT [%d%.]+:(%d+)", helper.wrap(function(output)
    on_ready(tonumber(output:match "ACCEPT [%d%.]+:(%d+)"), child)
  end))
  helper.run()
end

local function goodbye(socket)
  socket:finish "x"
  socket:resume()
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  local flag = version == "TLSv1.2" and "-tls1_2" or "-tls1_3"
  describe("openssl over " .. version, function()
    it("as a client is shown the CAs of the name's context", function()
      local names
      s_client({ requestCert = true, ca = certs.otherca.cert }, { flag, "-servername", "one.test" }, goodbye,
        function(server)
          server:addContext("one.test", { key = certs.rsa.key, cert = certs.rsa.cert, ca = certs.newca.cert })
        end, function(output) names = output:match "Acceptable client certificate CA names\n([^\n]*)" end)
      assert.equal("O=tls specs, CN=new ca", (names:gsub(" = ", "=")))
    end)

    it("as a client agrees on a protocol, chosen by the callback", function()
      local protocol
      s_client({ ALPNCallback = function(info) return info.protocols[2] end }, { flag, "-alpn", "one,two" }, goodbye,
        nil, function(output) protocol = output:match "ALPN protocol: (%S+)" end)
      assert.equal("two", protocol)
    end)

    it("as a client logs the same keys", function()
      local file, mine, theirs = os.tmpname(), {}, {}
      s_client({}, { flag, "-keylogfile", file }, goodbye, function(server)
        server:on("keylog", function(line) mine[#mine + 1] = line end)
      end, function()
        for line in io.lines(file) do
          if not line:find "^#" then theirs[#theirs + 1] = line .. "\n" end
        end
      end)
      os.remove(file)
      table.sort(mine)
      table.sort(theirs)
      assert.same(theirs, mine)
      assert.truthy(#mine > 0)
    end)

    it("as a client reads the stapled bytes", function()
      local status
      s_client({ ca = certs.ca.cert }, { flag, "-status" }, goodbye, function(server)
        server:on("OCSPRequest", function(_, _, callback) callback(nil, "\48\3\10\1\6") end) -- "unauthorized"
      end, function(output) status = output:match "OCSP Response Status: (%a+)" end)
      assert.equal("unauthorized", status)
    end)

    it("as a client gets the alert that clientHello's listener chose", function()
      local text
      s_client({}, { flag }, helper.never "secureConnection", function(server)
        server:on("clientHello", function(_, callback) callback(nil, { alert = 49 }) end)
        server:on("tlsClientError", helper.expect())
      end, function(output) text = output end)
      assert.truthy(text:find("alert access denied", 1, true), text)
    end)

    it("as a server is asked for a name", function()
      local seen
      s_server({ flag, "-servername", "second.test", "-cert2", certs.wrongname.cert_file, "-key2",
        certs.wrongname.key_file }, function(port)
          local client
          client = tls.connect({ port = port, host = "127.0.0.1", servername = "second.test", ca = certs.ca.cert,
            ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256",
            checkServerIdentity = function() end }, helper.expect(function()
              seen = client:getPeerCertificate().subject.CN
              client:finish()
              client:resume()
            end))
        end)
      assert.equal("wrong.example.test", seen)
    end)

    it("as a server staples a response", function()
      local file, response = os.tmpname(), nil
      local f = assert(io.open(file, "wb"))
      f:write "\48\3\10\1\6"
      f:close()
      s_server({ flag, "-status_file", file }, function(port)
        local client
        client = tls.connect({ port = port, host = "127.0.0.1", ca = certs.ca.cert, requestOCSP = true },
          helper.expect(function()
            client:finish()
            client:resume()
          end))
        client:on("OCSPResponse", helper.expect(function(der) response = der end))
      end)
      os.remove(file)
      assert.equal("\48\3\10\1\6", response)
    end)
  end)
end

describe("openssl over TLSv1.3", function()
  it("as a server asks our client for its certificate later", function()
    local text
    s_server({ "-tls1_3", "-CAfile", certs.ca.cert_file }, function(port, child)
      local client
      client = tls.connect({ port = port, host = "127.0.0.1", ca = certs.ca.cert, key = certs.agent.key,
        cert = certs.agent.cert }, helper.expect(function()
          client:write "hello\n"
          child:when("hello", function()
            child:write "c\n"
            child:when("SSL_do_handshake %-> 1", function()
              client:write "once more\n"
              child:when("once more", function() client:finish() end)
            end)
          end)
        end))
      client:resume()
    end, function(output) text = output end)
    assert.truthy(text:find "CN ?= ?agent", text)
  end)
end)

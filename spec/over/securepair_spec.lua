-- tls.createSecurePair: cleartext and encrypted, against real peers and each other.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local net = require "tls.net"
local tls = require "tls"

local function context(name, more)
  local options = { ca = certs.ca.cert }
  if name then options.key, options.cert = certs[name].key, certs[name].cert end
  for key, value in pairs(more or {}) do options[key] = value end
  return tls.createSecureContext(options)
end

-- What one pair's records are, the other's get.
local function back_to_back(server, client)
  server.encrypted:pipe(client.encrypted)
  client.encrypted:pipe(server.encrypted)
end

local function watch(stream)
  local log = {}
  for _, name in ipairs { "secure", "end", "finish", "error", "close" } do
    stream:on(name, function(value)
      if name == "error" then value = value.code end
      log[#log + 1] = value == nil and name or name .. " " .. tostring(value)
    end)
  end
  return log
end

describe("two pairs back to back", function()
  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    it("carry data both ways and end in order, over " .. version, function()
      local server = tls.createSecurePair(context("rsa", { maxVersion = version }), true)
      local client = tls.createSecurePair(context(), false, false, false, { servername = "localhost" })
      assert.equal(tls.SecurePair.__meta, getmetatable(server))
      assert.equal(tls.CryptoStream.__meta, getmetatable(server.encrypted))
      back_to_back(server, client)
      local text, got = ("0123456789abcdef"):rep(20000), {}
      server.cleartext:pipe(server.cleartext)
      client.cleartext:on("data", function(data) got[#got + 1] = data end)
      client.cleartext:finish(text)
      server:on("secure", helper.expect(function() assert.equal(version, server.cleartext:getProtocol()) end))
      client:on("secure", helper.expect(function()
        assert.is_true(client.cleartext.authorized)
        assert.equal("localhost", client.cleartext:getPeerCertificate().subject.CN)
        assert.equal("localhost", server.cleartext.servername or "localhost")
      end))
      local logs = { watch(server.cleartext), watch(client.cleartext), watch(server.encrypted),
        watch(client.encrypted) }
      helper.run()
      assert.equal(text, table.concat(got))
      assert.same({ "secure", "end", "finish", "close false" }, logs[1])
      assert.same({ "secure", "finish", "end", "close false" }, logs[2])
      for i = 3, 4 do
        assert.equal("close false", logs[i][#logs[i]])
        assert.equal(3, #logs[i], table.concat(logs[i], ", "))
      end
    end)
  end

  it("count bytes with TLS's own", function()
    local server, client = tls.createSecurePair(context "ecdsa", true), tls.createSecurePair(context())
    back_to_back(server, client)
    local plain = 100000
    server.cleartext:on("data", function() end)
    client.cleartext:resume()
    client.cleartext:finish(("x"):rep(plain))
    local wire = 0
    client.encrypted:on("data", function(data) wire = wire + #data end)
    helper.run()
    assert.equal(wire, client.encrypted.bytesWritten)
    assert.equal(wire, client.cleartext.bytesWritten)
    assert.equal(plain, server.cleartext.bytesRead)
    assert.truthy(wire > plain + 7 * 22) -- a header and a tag for each record of 16 KiB at most
    assert.truthy(wire < plain + 3000)
    assert.truthy(server.encrypted.bytesWritten > 500)
  end)

  it("ask for certificates, and reject: a server's arguments", function()
    local function meet(request, reject, name)
      local server = tls.createSecurePair(context "rsa", true, request, reject)
      local client = tls.createSecurePair(context(name), false, true, true) -- of no effect on a client
      back_to_back(server, client)
      local result = {}
      server:on("secure", function() result.authorized = server.cleartext.authorized end)
      server.cleartext:on("error", function(err) result.server = err.code end)
      client.cleartext:on("error", function(err) result.client = err.code end)
      server.cleartext:resume()
      server.cleartext:on("secure", function() server.cleartext:finish "x" end)
      client.cleartext:resume()
      helper.run()
      return result
    end
    assert.same({ authorized = true }, meet(true, true, "agent"))
    assert.same({ authorized = false }, meet(true, false, "stranger"))
    assert.same({ authorized = false }, meet(false, false, "agent"))
    local r = meet(true, true, "stranger")
    assert.is_nil(r.authorized)
    assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", r.server)
    assert.equal("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", r.client)
  end)

  it("let a client look, or reject by its options", function()
    local function meet(options)
      local server = tls.createSecurePair(context "stranger", true)
      local client = tls.createSecurePair(context(), false, false, false, options)
      back_to_back(server, client)
      local result = {}
      client:on("secure", function()
        result.authorized, result.reason = client.cleartext.authorized, client.cleartext.authorizationError
        client.cleartext:finish()
      end)
      client:on("error", function(err) result.error = err.code end) -- the pair hears it too
      server.cleartext:on("error", function() end)
      server.cleartext:resume()
      client.cleartext:resume()
      helper.run()
      return result
    end
    assert.same({ authorized = false, reason = "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }, meet())
    assert.same({ error = "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }, meet { rejectUnauthorized = true })
  end)

  it("take TLSSocket's options as the fifth argument", function()
    local name
    local server = tls.createSecurePair(context "rsa", true, false, false, {
      ALPNProtocols = { "x" }, SNICallback = function(servername, callback)
        name = servername
        callback(nil, context "wrongname")
      end })
    local client = tls.createSecurePair(context(), false, false, false,
      { servername = "one.test", ALPNProtocols = { "x" }, checkServerIdentity = function() end })
    back_to_back(server, client)
    client:on("secure", helper.expect(function()
      assert.equal("x", client.cleartext.alpnProtocol)
      assert.equal("wrong.example.test", client.cleartext:getPeerCertificate().subject.CN)
      client.cleartext:finish()
    end))
    server.cleartext:resume()
    client.cleartext:resume()
    helper.run()
    assert.equal("one.test", name)
  end)

  it("hold a writer back whose reader sleeps", function()
    local server, client = tls.createSecurePair(context "rsa", true), tls.createSecurePair(context())
    back_to_back(server, client)
    server.cleartext:on("readable", function() end) -- and never reads
    client.cleartext:resume()
    local written = 0
    client:on("secure", function()
      local chunk = ("x"):rep(65536)
      while written < 64 * 1024 * 1024 and client.cleartext:write(chunk) do written = written + #chunk end
      local timer = helper.uv.new_timer()
      timer:start(50, 0, helper.wrap(function()
        timer:close()
        client:destroy()
        server:destroy()
      end))
    end)
    client.cleartext:on("drain", function()
      local chunk = ("x"):rep(65536)
      while written < 64 * 1024 * 1024 and client.cleartext:write(chunk) do written = written + #chunk end
    end)
    server.cleartext:on("error", function() end)
    client.cleartext:on("error", function() end)
    helper.run()
    assert.truthy(written < 8 * 1024 * 1024, written)
  end)

  it("tell the other side when one is destroyed", function()
    for _, who in ipairs { "cleartext", "encrypted" } do
      local server, client = tls.createSecurePair(context "rsa", true), tls.createSecurePair(context())
      back_to_back(server, client)
      -- a pipe does not tell that its source was destroyed, so look at the other half of the same pair
      local other = who == "cleartext" and server.cleartext or client.cleartext
      local log = watch(other)
      server.cleartext:resume()
      client.cleartext:resume()
      client:on("secure", function()
        helper.uv.update_time()
        local timer = helper.uv.new_timer()
        timer:start(10, 0, function()
          timer:close()
          client[who]:destroy()
        end)
      end)
      other:on("close", function() server:destroy() end)
      if other ~= client.cleartext then client.cleartext:on("error", function() end) end
      helper.run()
      assert.equal("secure", log[1])
      assert.truthy(log[#log]:find "^close", table.concat(log, ", "))
      local closes = 0
      for _, event in ipairs(log) do if event:find "^close" then closes = closes + 1 end end
      assert.equal(1, closes)
    end
  end)

  it("fail on junk, with one error", function()
    local server = tls.createSecurePair(context "rsa", true)
    local log = watch(server.cleartext)
    server.encrypted:resume()
    server.encrypted:write "this is no record at all"
    helper.run()
    assert.equal(2, #log)
    assert.truthy(log[1]:find "^error ERR_SSL_", log[1])
    assert.equal("close true", log[2])
  end)
end)

describe("a pair", function()
  it("serves openssl s_client through a TCP socket", function()
    local log
    local server = net.createServer(function(socket)
      local pair = tls.createSecurePair(context "rsa", true)
      pair.encrypted:pipe(socket)
      socket:pipe(pair.encrypted)
      socket:on("error", function() end)
      log = watch(pair.cleartext)
      pair.cleartext:on("data", function(data) pair.cleartext:finish("got " .. data) end)
    end)
    local child
    server:listen(0, "127.0.0.1", function()
      child = Child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port, "-CAfile",
        certs.ca.cert_file, "-verify_return_error", "-quiet", "-ign_eof" }, helper.expect(function()
          server:close()
        end))
      child:write "hello\n"
    end)
    helper.run()
    assert.truthy(child.output:find("got hello", 1, true), child.output)
    assert.same({ "secure", "finish", "end", "close false" }, log)
  end)

  it("is a client of openssl s_server through a TCP socket", function()
    local text, authorized
    local child
    child = Child.spawn({ "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certs.rsa.cert_file, "-key",
      certs.rsa.key_file, "-naccept", "1", "-rev" }, helper.expect())
    child:when("ACCEPT [%d%.]+:(%d+)", helper.wrap(function(output)
      local socket = net.connect(tonumber(output:match "ACCEPT [%d%.]+:(%d+)"), "127.0.0.1")
      local pair = tls.createSecurePair(context(), false, false, false, { servername = "localhost" })
      pair.encrypted:pipe(socket)
      socket:pipe(pair.encrypted)
      pair:on("secure", helper.expect(function()
        authorized = pair.cleartext.authorized
        pair.cleartext:write "abc\n"
      end))
      pair.cleartext:on("data", function(data)
        text = data
        pair.cleartext:finish()
      end)
    end))
    helper.run()
    assert.equal("cba\n", text)
    assert.is_true(authorized)
  end)

  it("wants a SecureContext, and options", function()
    for _, wrong in ipairs { {}, 1, "context", true } do
      local ok, err = pcall(tls.createSecurePair, wrong)
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_TYPE", err.code)
      assert.truthy(err.message:find '"context"')
    end
    local ok, err = pcall(tls.createSecurePair, nil, true, false, false, 1)
    assert.is_false(ok)
    assert.equal("ERR_INVALID_ARG_TYPE", err.code)
    tls.createSecurePair():destroy() -- a client with the defaults
    tls.SecurePair():destroy()
    helper.run()
  end)

  it("leaves nothing behind, a thousand times", function()
    local server_context, client_context = context "ecdsa", context()
    local function round()
      local server, client = tls.createSecurePair(server_context, true), tls.createSecurePair(client_context)
      back_to_back(server, client)
      server.cleartext:resume()
      client.cleartext:resume()
      client:on("secure", function() client.cleartext:finish "x" end)
      helper.run()
    end
    local function measure(n)
      for _ = 1, n do round() end
      if jit then jit.flush() end -- its traces count as Lua's memory
      collectgarbage()
      collectgarbage()
      return collectgarbage "count"
    end
    measure(50)
    local before = measure(50)
    local after = measure(900)
    -- Pairs that stay are 11 MiB more here; queues that have grown once may stay, up to 64 KiB each.
    assert.truthy(after - before < 256, ("%.1f KiB more"):format(after - before))
  end)
end)

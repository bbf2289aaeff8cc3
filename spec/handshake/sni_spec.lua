-- Server name indication: which context a client gets, RFC 6066, 3.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local pair = require "spec.support.pair"
local tls = require "tls"
local core = require "tls.core"

local function credentials(name, more)
  local options = { key = certs[name].key, cert = certs[name].cert }
  for key, value in pairs(more or {}) do options[key] = value end
  return options
end

local function ask(name, more)
  local options = { ca = certs.ca.cert, servername = name, checkServerIdentity = function() end }
  for key, value in pairs(more or {}) do options[key] = value end
  return options
end

-- The subject the client saw, and the name the server heard.
local function visit(server_options, client_options, prepare)
  local heard, seen
  local r = pair.run(server_options, client_options, function(socket)
    heard = socket.servername
    socket:pipe(socket)
  end, nil, prepare, function(client)
    client:once("secureConnect", function() seen = client:getPeerCertificate().subject.CN end)
  end)
  return seen, heard, r
end

local function later(callback, ...)
  local args, timer = { n = select("#", ...), ... }, helper.uv.new_timer()
  helper.uv.update_time()
  timer:start(5, 0, helper.wrap(function()
    timer:close()
    callback((table.unpack or unpack)(args, 1, args.n))
  end))
end

describe("the table of names", function()
  local function found(names, name)
    return (names:find(name))
  end

  it("keeps one context for each name and pattern, whatever their case", function()
    for _, name in ipairs { "*.example.test", "one.example.test" } do
      local names, contexts = core.contextsByName(), setmetatable({}, { __mode = "k" })
      for i = 1, 20 do
        local context = { number = i }
        contexts[context] = true
        names:add(i % 2 == 0 and name or name:upper(), context)
      end
      assert.equal(20, found(names, "one.example.test").number)
      collectgarbage()
      local left = 0
      for _ in pairs(contexts) do left = left + 1 end
      assert.equal(1, left)
    end
  end)

  it("lets a pattern that is added again go before those added since", function()
    local names = core.contextsByName()
    names:add("*.test", "first")
    names:add("a*.test", "second")
    names:add("*.TEST", "third")
    assert.equal("third", found(names, "abc.test"))
  end)

  it("finds exact names and wildcards, the latest first", function()
    local names = core.contextsByName()
    names:add("a.test", "exact")
    names:add("*.test", "wild")
    names:add("b.test", "b")
    names:add("www.*.org", "middle")
    assert.equal("wild", found(names, "a.test")) -- added after it
    assert.equal("b", found(names, "b.test"))
    assert.equal("wild", found(names, "c.test"))
    assert.equal("wild", found(names, "C.TEST"))
    assert.is_nil(found(names, "a.b.test"))
    assert.equal("middle", found(names, "www.example.org"))
    assert.is_nil(found(names, "www.a.b.org"))
    assert.is_nil(found(names, "xtest"))
    names:add("a.test", "again")
    assert.equal("again", found(names, "a.test"))
    names:add("a.test", "and again")
    assert.equal("and again", found(names, "a.test"))
  end)

  it("takes every character but the star as it is", function()
    local names = core.contextsByName()
    names:add("%d+(.)[x]^$-?.test", "odd")
    assert.equal("odd", found(names, "%d+(.)[x]^$-?.test"))
    names:add("*.a-b.test", "dash")
    assert.equal("dash", found(names, "x.a-b.test"))
    assert.is_nil(found(names, "x.aab.test"))
    assert.is_nil(found(names, "x.a-bxtest"))
  end)

  it("is quick among many names, patterns as well, and with names made to be slow", function()
    local names, COUNT = core.contextsByName(), 4000
    local began = os.clock()
    for i = 1, COUNT do
      names:add(("host%d.test"):format(i), i)
      names:add(("*.host%d.test"):format(i), -i)
    end
    names:add(("*a"):rep(100) .. ".test", "slow")
    local wrong = 0
    for i = 1, COUNT do
      if found(names, ("HOST%d.test"):format(i)) ~= i then wrong = wrong + 1 end
      if found(names, ("www.host%d.test"):format(i)) ~= -i then wrong = wrong + 1 end
    end
    assert.equal(0, wrong)
    for _ = 1, 100 do assert.is_nil(found(names, ("a"):rep(250) .. ".tes")) end
    assert.is_true(os.clock() - began < 5 * helper.slow)
  end)

  it("finds no name that is longer than one can be", function()
    local names = core.contextsByName()
    names:add("*", "any")
    names:add(("x"):rep(300), "long")
    assert.equal("any", found(names, ("x"):rep(255)))
    assert.is_nil(found(names, ("x"):rep(256)))
    assert.is_nil(found(names, ("x"):rep(300)))
    assert.equal("any", found(names, ""))
    assert.equal("any", found(names, "a\0b"))
  end)

  it("is the same with every letter's case, and knows no other alphabet", function()
    local names = core.contextsByName()
    names:add("\195\132.Z.test", "umlaut")
    assert.equal("umlaut", found(names, "\195\132.z.TEST"))
    assert.is_nil(found(names, "\195\164.z.test"))
  end)
end)

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe("SNI over " .. version, function()
    local function server(more)
      local options = credentials("rsa", { minVersion = version, maxVersion = version })
      for key, value in pairs(more or {}) do options[key] = value end
      return options
    end

    local function contexts(s)
      s:addContext("*.example.test", credentials "wildcard")
      s:addContext("wrong.example.test", tls.createSecureContext(credentials "wrongname"))
    end

    it("gives the context of the name, else the server's own", function()
      local CASES = {
        { "wrong.example.test", "wrong.example.test" }, { "any.example.test", "wildcard" },
        { "a.b.example.test", "localhost" }, { "unknown.test", "localhost" },
      }
      for _, case in ipairs(CASES) do
        local seen, heard = visit(server(), ask(case[1]), contexts)
        assert.equal(case[2], seen)
        assert.equal(case[1], heard)
      end
    end)

    it("gives the server's own without a name", function()
      local seen, heard = visit(server(), ask(""), contexts)
      assert.equal("localhost", seen)
      assert.is_false(heard)
    end)

    it("sends the chain of the context", function()
      local depth
      pair.run(server(), ask("localhost", { checkServerIdentity = nil }), nil, function(client)
        depth = 0
        local cert = client:getPeerCertificate(true)
        while cert.issuer ~= cert do depth, cert = depth + 1, cert.issuer end
        client:finish()
      end, function(s) s:addContext("localhost", credentials "chain") end)
      assert.equal(2, depth)
    end)

    it("asks SNICallback, which may answer later", function()
      for _, answer in ipairs { function(callback, ...) callback(...) end, later } do
        local names = {}
        local seen, heard = visit(server { SNICallback = function(name, callback)
          names[#names + 1] = name
          answer(callback, nil, tls.createSecureContext(credentials "wrongname"))
        end }, ask "one.test")
        assert.equal("wrong.example.test", seen)
        assert.equal("one.test", heard)
        assert.same({ "one.test" }, names)
      end
    end)

    it("falls back when SNICallback gives nothing", function()
      for _, nothing in ipairs { "nil", "false" } do
        local seen = visit(server { SNICallback = function(_, callback)
          callback(nil, nothing == "false" and false or nil)
        end }, ask "one.test")
        assert.equal("localhost", seen)
      end
    end)

    it("verifies clients by the CAs of the context", function()
      local function authorized(client_cert)
        local result
        pair.run(server { requestCert = true, ca = certs.otherca.cert },
          ask("one.test", credentials(client_cert)), function(socket)
            result = socket.authorized
            socket:pipe(socket)
          end, nil, function(s) s:addContext("one.test", credentials("wrongname", { ca = certs.ca.cert })) end)
        return result
      end
      assert.is_true(authorized "agent")
      assert.is_false(authorized "stranger")
    end)

    it("does not carry a client that one name's CAs verified over to another name", function()
      local session, seen = nil, {}
      local options = server { requestCert = true, rejectUnauthorized = true, ca = certs.ca.cert,
        ticketKeys = ("k"):rep(48) }
      local function come(name, given)
        pair.run(options, ask(name, credentials("agent", { session = given })), function(socket)
          seen[#seen + 1] = { name, socket:isSessionReused(), socket.authorized }
          socket:finish "x"
        end, nil, function(s)
          s:addContext("one.test", credentials("wrongname", { ca = certs.ca.cert }))
          s:addContext("two.test", credentials("wildcard", { ca = certs.otherca.cert }))
        end, function(client)
          client:on("session", function(data) session = data end)
          client:resume()
        end)
      end
      come "one.test"
      local of_one = session
      come("one.test", of_one)
      come("two.test", of_one) -- which does not know agent's CA: not even accepted
      assert.same({ { "one.test", false, true }, { "one.test", true, true } }, seen)
    end)

    it("names the socket also in 'tlsClientError'", function()
      local name
      local _, _, r = visit(server { SNICallback = function(_, callback)
        callback { code = "MINE", message = "no such name" }
      end }, ask "one.test", function(s)
        s:on("tlsClientError", function(_, socket) name = socket.servername end)
      end)
      assert.equal("one.test", name)
      assert.equal("MINE", r.client_error.code)
      assert.equal(1, r.client_errors)
      assert.equal("ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR", r.client_failure.code)
    end)

    it("sends the alert that an error of SNICallback names, once", function()
      local thrown = { code = "MINE", message = "no such name", alert = "unrecognized_name" }
      local CASES = {
        { function(_, callback) callback(thrown) end, thrown, "UNRECOGNIZED_NAME" },
        { function() error(thrown) end, thrown, "UNRECOGNIZED_NAME" },
        { function(_, callback) later(callback, thrown) end, thrown, "UNRECOGNIZED_NAME" },
        { function(_, callback) callback { alert = 49 } end, nil, "ACCESS_DENIED" },
        { function(_, callback) callback { alert = "nonsense" } end, nil, "INTERNAL_ERROR" },
        { function(_, callback)
          callback(thrown)
          callback(nil, nil)
          error "text"
        end, thrown, "UNRECOGNIZED_NAME" },
      }
      for i, case in ipairs(CASES) do
        local _, _, r = visit(server { SNICallback = case[1] }, ask "one.test")
        if case[2] then assert.equal(case[2], r.client_error, i) end
        assert.equal(1, r.client_errors)
        assert.equal(0, r.accepted)
        assert.truthy(r.client_failure.code:find("TLSV1_[ALERT_]*" .. case[3] .. "$"), r.client_failure.code)
      end
    end)

    it("fails when SNICallback answers twice", function()
      local _, _, r = visit(server { SNICallback = function(_, callback)
        callback()
        callback()
      end }, ask "one.test")
      assert.equal("ERR_MULTIPLE_CALLBACK", r.client_error.code)
      assert.equal(1, r.client_errors)
      assert.equal("ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR", r.client_failure.code)
    end)

    it("refuses what is no context", function()
      local _, _, r = visit(server { SNICallback = function(_, callback) callback(nil, {}) end }, ask "one.test")
      assert.equal("ERR_TLS_INVALID_CONTEXT", r.client_error.code)
      assert.equal("Invalid SNI context", r.client_error.message)
      assert.equal("ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR", r.client_failure.code)
    end)

    it("fails with a context that has no certificate", function()
      local _, _, r = visit(server(), ask "one.test", function(s) s:addContext("one.test", {}) end)
      assert.truthy(r.client_error.code == "ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM" or
        r.client_error.code == "ERR_SSL_NO_SHARED_CIPHER", r.client_error.code)
    end)

    it("is heard by openssl s_client", function()
      local seen
      local s = tls.createServer(server(), function(socket) socket:finish() end)
      contexts(s)
      s:listen(0, "127.0.0.1", function()
        Child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. s:address().port, "-servername",
          "x.example.test", "-verify_quiet" }, helper.expect(function(_, output)
            seen = output:match "subject=[^\n]*"
            s:close()
          end)).stdin:shutdown()
      end)
      helper.run()
      assert.truthy(seen:find "CN ?= ?wildcard", seen)
    end)
  end)
end

describe("SNI", function()
  it("takes the versions and options of the context", function()
    local _, _, r = visit(credentials "rsa", ask("one.test", { maxVersion = "TLSv1.2" }), function(s)
      s:addContext("one.test", credentials("wrongname", { minVersion = "TLSv1.3" }))
    end)
    assert.equal("ERR_SSL_UNSUPPORTED_PROTOCOL", r.client_error.code)
    assert.equal("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", r.client_failure.code)
  end)

  it("takes the ciphers and groups of the context", function()
    local cipher, group
    pair.run(credentials "rsa", ask("one.test", { maxVersion = "TLSv1.2" }), nil, function(client)
      cipher, group = client:getCipher().name, client:getGroup()
      client:finish()
    end, function(s)
      s:addContext("one.test", credentials("wrongname",
        { ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384", ecdhCurve = "secp384r1" }))
    end)
    assert.equal("ECDHE-ECDSA-AES256-GCM-SHA384", cipher)
    assert.equal("secp384r1", group)
  end)

  it("keeps the server's order of ciphers", function()
    local cipher
    pair.run(credentials("rsa", { maxVersion = "TLSv1.2" }),
      ask("one.test", { ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384" }), nil,
      function(client)
        cipher = client:getCipher().name
        client:finish()
      end, function(s)
        s:addContext("one.test", tls.createSecureContext(credentials("wrongname",
          { ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256" })))
      end)
    assert.equal("ECDHE-ECDSA-AES256-GCM-SHA384", cipher)
  end)

  it("takes names that are added while it listens", function()
    local seen = visit(credentials "rsa", ask "one.test", function(s)
      s:once("listening", function() s:addContext("one.test", credentials "wrongname") end)
    end)
    assert.equal("wrong.example.test", seen)
  end)

  it("refuses a context without a name", function()
    local server = tls.createServer()
    for _, name in ipairs { "", false } do
      local ok, err = pcall(server.addContext, server, name or nil, {})
      assert.is_false(ok)
      assert.equal("ERR_TLS_REQUIRED_SERVER_NAME", err.code)
    end
    local ok, err = pcall(server.addContext, server, "a.test", 1)
    assert.is_false(ok)
    assert.equal("ERR_INVALID_ARG_TYPE", err.code)
  end)

  it("refuses a name that no client can ask for", function()
    local server = tls.createServer()
    for name, why in pairs {
      ["https://a.test/x"] = 'is a URL: give hostname = "a.test"',
      ["a.test:443"] = 'has a port: give hostname = "a.test"',
      ["a.test "] = "has a space", ["a\0.test"] = "NUL", ["."] = "is not the name of a host",
      [("a"):rep(256)] = "is not the name of a host",
    } do
      local ok, err = pcall(server.addContext, server, name, {})
      assert.is_false(ok, name)
      assert.equal("ERR_INVALID_ARG_VALUE", err.code)
      assert.matches("argument 'hostname'", err.message)
      assert.truthy(err.message:find(why, 1, true), err.message)
    end
  end)

  it("takes a name with the dot at its end that absolute names have", function()
    local seen = visit(credentials "rsa", ask "one.test", function(s)
      s:addContext("*.test.", credentials "wrongname")
    end)
    assert.equal("wrong.example.test", seen)
  end)

  it("works on a TLSSocket of one's own", function()
    local net = require "tls.net"
    local seen
    local server = net.createServer(function(plain)
      local socket = tls.TLSSocket(plain, {
        isServer = true, key = certs.rsa.key, cert = certs.rsa.cert, requestOCSP = true,
        SNICallback = function(_, callback) later(callback, nil, tls.createSecureContext(credentials "wrongname")) end,
      })
      socket:on("secure", helper.expect(function() assert.equal("one.test", socket.servername) end))
      socket:resume()
    end)
    server:listen(0, "127.0.0.1", function()
      local options = ask "one.test"
      options.port, options.host = server:address().port, "127.0.0.1"
      local client
      client = tls.connect(options, helper.expect(function()
        seen = client:getPeerCertificate().subject.CN
        client:finish()
        server:close()
      end))
      client:resume()
    end)
    helper.run()
    assert.equal("wrong.example.test", seen)
  end)

  it("sends no name for an empty servername, in each connect of a socket", function()
    local seen = {}
    local server = tls.createServer(credentials "rsa", function(socket)
      seen[#seen + 1] = socket.servername
      socket:resume()
    end)
    server:listen(0, "127.0.0.1", function()
      local function place(name)
        return { port = server:address().port, host = "localhost", servername = name, autoSelectFamily = true }
      end
      local client = tls.TLSSocket(nil, { ca = certs.ca.cert })
      client:on("secure", helper.expect(function()
        assert.is_true(client.authorized)
        client:destroy()
      end, 3))
      local rounds = 0
      client:on("close", helper.expect(function()
        rounds = rounds + 1
        if rounds == 3 then return server:close() end
        client:connect(place(rounds == 1 and "" or nil))
      end, 3))
      client:connect(place "")
    end)
    helper.run()
    assert.same({ false, false, "localhost" }, seen)
  end)

  it("tells a client's setServername, until the handshake", function()
    local net = require "tls.net"
    local name
    local server = tls.createServer(credentials "rsa", function(socket)
      name = socket.servername
      socket:finish()
      socket:resume()
    end)
    server:listen(0, "127.0.0.1", function()
      local client = tls.TLSSocket(net.connect(server:address().port, "127.0.0.1"), {})
      client:setServername "given.test"
      for _, wrong in ipairs { 1, true } do
        local ok, err = pcall(client.setServername, client, wrong)
        assert.is_false(ok)
        assert.equal("ERR_INVALID_ARG_TYPE", err.code)
      end
      client:on("close", helper.expect(function() server:close() end))
      client:resume()
    end)
    helper.run()
    assert.equal("given.test", name)
    local own = tls.TLSSocket(nil, { isServer = true })
    local ok, err = pcall(own.setServername, own, "a.test")
    assert.is_false(ok)
    assert.equal("ERR_TLS_SNI_FROM_SERVER", err.code)
  end)
end)

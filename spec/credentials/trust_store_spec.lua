-- What is trusted: ca in all its forms, the system's certificates, and what takes their place.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"
local script = require "spec.support.script"
local tls = require "tls"

local expect = helper.expect

local function visit(server, client)
  client.servername = "localhost"
  return pair.run({ key = certs[server].key, cert = certs[server].cert }, client)
end

local function trusted(server, client) assert.equal(1, visit(server, client).connected) end

local function distrusted(server, client, code)
  local r = visit(server, client)
  assert.is_nil(r.connected)
  assert.equal(code or "UNABLE_TO_VERIFY_LEAF_SIGNATURE", r.client_failure.code)
  return r.client_failure
end

describe("ca", function()
  it("may be many in one string, unrelated ones among them, or an array", function()
    trusted("rsa", { ca = certs.otherca.cert .. certs.wrongname.cert .. certs.ca.cert })
    trusted("rsa", { ca = { certs.otherca.cert, certs.ca.cert } })
    distrusted("rsa", { ca = certs.otherca.cert .. certs.newca.cert })
  end)

  it("may have the labels TRUSTED CERTIFICATE and X509 CERTIFICATE, or no newline at its end", function()
    trusted("rsa", { ca = certs.trusted.cert })
    trusted("rsa", { ca = certs.oldlabel.cert })
    trusted("rsa", { ca = (certs.ca.cert:gsub("%s+$", "")) })
  end)

  it("that is an intermediate alone is no anchor, unless allowPartialTrustChain says so", function()
    local err = distrusted("chain", { ca = certs.intermediate.cert }, "UNABLE_TO_GET_ISSUER_CERT")
    assert.equal(1, err.depth)
    assert.matches("CN = intermediate", err.subject)
    assert.matches("CN = intermediate", err.message)
    trusted("chain", { ca = certs.intermediate.cert, allowPartialTrustChain = true })
  end)

  it("completes a chain that is cross-signed", function()
    trusted("chain", { ca = certs.newca.cert .. certs.cross.cert })
    distrusted("chain", { ca = certs.newca.cert }, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY")
  end)

  it("of a server completes the chain that it sends", function()
    local r = pair.run({ key = certs.chained.key, cert = certs.chained.cert, ca = certs.intermediate.cert },
      { ca = certs.ca.cert, servername = "localhost" })
    assert.equal(1, r.connected)
  end)
end)

describe("crl", function()
  it("refuses who is on it, and nobody else", function()
    trusted("revoked", { ca = certs.ca.cert })
    local err = distrusted("revoked", { ca = certs.ca.cert, crl = certs.file "ca.crl" }, "CERT_REVOKED")
    assert.equal(0, err.depth)
    trusted("rsa", { ca = certs.ca.cert, crl = certs.file "ca.crl" })
    distrusted("chain", { ca = certs.ca.cert, crl = certs.file "ca.crl" }, "UNABLE_TO_GET_CRL")
  end)

  it("is checked", function()
    assert.is_false(pcall(tls.createSecureContext, { crl = "hello" }))
    local ok, err = pcall(tls.createSecureContext, { crl = 1 })
    assert.is_false(ok)
    assert.equal("ERR_INVALID_ARG_TYPE", err.code)
  end)

  it("without ca goes with the default anchors", function()
    distrusted("rsa", { crl = certs.file "ca.crl" })
  end)
end)

describe("addCACert", function()
  it("adds to one context, whose ca and default stay trusted", function()
    local one, other = tls.createSecureContext(), tls.createSecureContext()
    one:addCACert(certs.ca.cert)
    trusted("rsa", { secureContext = one })
    distrusted("rsa", { secureContext = other })
    distrusted("rsa", {})
    local given = tls.createSecureContext { ca = certs.otherca.cert }
    distrusted("rsa", { secureContext = given })
    given:addCACert(certs.ca.cert)
    trusted("rsa", { secureContext = given })
    local ok, err = pcall(one.addCACert, one, 1)
    assert.is_false(ok)
    assert.equal("ERR_INVALID_ARG_TYPE", err.code)
    assert.is_false(pcall(one.addCACert, one, "hello"))
  end)
end)

describe("a default list of one's own", function()
  after_each(function() tls.setDefaultCACertificates(tls.getCACertificates "system") end)

  it("takes no table with named fields or holes, which would trust other authorities than were meant", function()
    tls.setDefaultCACertificates { certs.ca.cert }
    local ca, another = certs.ca.cert, certs.rsa.cert
    for _, bad in ipairs { { ca = ca }, { ca, ca = another }, { ca, nil, another } } do
      local ok, err = pcall(tls.setDefaultCACertificates, bad)
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_TYPE", err.code)
      assert.equal(1, #tls.getCACertificates())
    end
  end)

  it("is trusted in the system's place, by contexts made later", function()
    local before = tls.createSecureContext()
    tls.setDefaultCACertificates { certs.ca.cert, certs.ca.cert }
    assert.equal(1, #tls.getCACertificates())
    trusted("rsa", {})
    distrusted("rsa", { secureContext = before })
    distrusted("rsa", { ca = certs.otherca.cert })
    trusted("rsa", { crl = certs.file "ca.crl" })
    tls.setDefaultCACertificates {}
    assert.equal(0, #tls.getCACertificates "default")
    distrusted("rsa", {})
  end)

  it("is taken whole or not at all", function()
    tls.setDefaultCACertificates { certs.ca.cert }
    for _, bad in ipairs { "x", 1, { 1 }, { certs.otherca.cert, "hello" }, { certs.otherca.cert, false } } do
      local ok, err = pcall(tls.setDefaultCACertificates, bad)
      assert.is_false(ok)
      assert.is_table(err)
    end
    trusted("rsa", {})
    assert.equal(1, #tls.getCACertificates())
  end)
end)

describe("what is no certificate, as a default list,", function()
  local BROKEN = "-----BEGIN CERTIFICATE-----\nvalid cert content\n-----END CERTIFICATE-----"

  after_each(function() tls.setDefaultCACertificates(tls.getCACertificates "system") end)

  local function code_of(...)
    local before = tls.getCACertificates()
    local ok, err = pcall(tls.setDefaultCACertificates, { ... })
    assert.is_false(ok)
    assert.is_true(rawequal(before, tls.getCACertificates()))
    return err.code, helper.thrown_message(err)
  end

  it("has Node's codes", function()
    local code, message = code_of "not a valid certificate"
    assert.equal("ERR_CRYPTO_OPERATION_FAILED", code)
    assert.matches("No valid certificates found in the provided array", message)
    code, message = code_of(certs.ca.cert, BROKEN)
    assert.equal("ERR_OSSL_PEM_ASN1_LIB", code)
    assert.matches("error:0488000D:PEM routines::ASN1 lib", message)
    assert.equal("ERR_OSSL_PEM_ASN1_LIB", (code_of(BROKEN)))
    assert.equal("ERR_OSSL_PEM_ASN1_LIB", (code_of(certs.ca.cert .. BROKEN)))
    assert.equal("ERR_CRYPTO_OPERATION_FAILED", (code_of "")) -- no start line is no certificate
    assert.equal("ERR_INVALID_ARG_TYPE", (code_of(1)))
  end)

  it("does not count where it surrounds one: the list has the armour alone", function()
    tls.setDefaultCACertificates { "before\n" .. certs.ca.cert .. "behind" }
    assert.equal(1, #tls.getCACertificates())
    assert.equal(certs.ca.cert:match "%-%-%-%-%-BEGIN CERT.-%-%-%-%-%-END CERTIFICATE%-%-%-%-%-",
      tls.getCACertificates()[1])
    trusted("rsa", {})
  end)
end)

describe("the system's list", function()
  it("cannot be changed", function()
    if _VERSION == "Lua 5.1" then return pending "a plain list: Lua 5.1 and LuaJIT ask no metatable for a length" end
    local list = tls.getCACertificates "system"
    assert.is_false(pcall(function() list[1] = "x" end))
    assert.is_false(pcall(function() list[#list + 1] = "x" end))
  end)

  it("is the same each time, and has each once", function()
    local list, seen = tls.getCACertificates "system", {}
    assert.is_true(rawequal(list, tls.getCACertificates "system"))
    for _, pem in ipairs(list) do
      assert.matches("^%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-\n.*\n%-%-%-%-%-END CERTIFICATE%-%-%-%-%-$", pem)
      assert.is_nil(seen[pem])
      seen[pem] = true
    end
    assert.same(#list, #tls.rootCertificates)
    for _, bad in ipairs { 1, "none" } do assert.is_false(pcall(tls.getCACertificates, bad)) end
  end)

  -- SSL_CERT_FILE and its like are read once in a process, so each case is a process of its own.
  local function child(env, body)
    local program = ([[
      local tls, uv = require "tls", require "luv"
      local function read(name)
        local f = assert(io.open(%q .. "/" .. name))
        return f:read "*a", f:close()
      end
      local server = tls.createServer({ key = read "rsa.key", cert = read "rsa.crt" }, function(s) s:finish() end)
      local function visit(options, fn)
        options.port, options.host, options.servername = server:address().port, "127.0.0.1", "localhost"
        local socket = tls.connect(options)
        socket:on("secureConnect", function() print "trusted" end)
        socket:on("error", function(err) print(err.code) end)
        socket:resume()
        socket:on("close", fn or function() server:close() end)
      end
      server:listen(0, "127.0.0.1", function() %s end)
      uv.run()
    ]]):format(certs.dir, body)
    local status, output
    for name, value in pairs(env) do helper.uv.os_setenv(name, value) end
    script.run(program, {}, expect(function(s, o) status, output = s, o end))
    for name in pairs(env) do helper.uv.os_unsetenv(name) end
    helper.run()
    assert.equal(0, status)
    return output
  end

  it("comes from SSL_CERT_FILE and SSL_CERT_DIR", function()
    local env = { SSL_CERT_FILE = certs.ca.cert_file, SSL_CERT_DIR = "/nowhere" }
    assert.equal("1\ntrusted\n", child(env, "print(#tls.getCACertificates()) visit {}"))
    local folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder .. " && cp " .. certs.ca.cert_file .. " " .. folder ..
      "/ca.pem && openssl rehash " .. folder)
    env = { SSL_CERT_FILE = "/nowhere", SSL_CERT_DIR = folder }
    assert.equal("1\ntrusted\n", child(env, "print(#tls.getCACertificates()) visit {}"))
    -- a copy of the store looks into the folder as well
    local crl = "visit { crl = read 'ca.crl' }"
    assert.equal("trusted\n", child(env, crl))
    os.execute("rm -r " .. folder)
  end)

  it("has LUA_EXTRA_CA_CERTS beside it, also with a crl; a file that is not there is a warning", function()
    local env = { LUA_EXTRA_CA_CERTS = certs.ca.cert_file, SSL_CERT_FILE = "/nowhere", SSL_CERT_DIR = "/nowhere" }
    assert.equal("1\ntrusted\n", child(env, "print(#tls.getCACertificates 'extra') visit {}"))
    assert.equal("trusted\n", child(env, "visit { crl = read 'ca.crl' }"))
    assert.equal("trusted\n", child(env, "visit { secureContext = tls.createSecureContext() }"))
    env.LUA_EXTRA_CA_CERTS = "/nowhere"
    local output = child(env, "visit {}")
    assert.matches("ignoring extra certs from '/nowhere'", output)
    assert.matches("UNABLE_TO_VERIFY_LEAF_SIGNATURE", output)
  end)
end)

describe("a thousand contexts", function()
  it("with default trust share one store", function()
    local core = require "tls.core"
    local function rss()
      return tonumber(io.open("/proc/self/statm"):read "*a":match "%d+ (%d+)") * 4096
    end
    local function contexts(n)
      local list = {}
      for i = 1, n do
        list[i] = tls.createSecureContext()
        local client = core.connectionOptions { servername = "localhost" } -- which needs the anchors
        core.conn(list[i]._native, client):close()
      end
      return list
    end
    local keep = contexts(100)
    local before = rss()
    local list = contexts(1000)
    -- an SSL_CTX with our list of ciphers takes some 40 KiB; with a store of its own it would be 2 MiB
    assert.is_true((rss() - before) / 1000 < 200e3)
    assert.equal(1100, #keep + #list)
  end)
end)

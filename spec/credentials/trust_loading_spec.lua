-- When the system's certificates are read, and what happens when they cannot be. A program of its own for each case:
-- they are read once in a process. That they are, the warning about a file that is not there tells.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local script = require "spec.support.script"

local PRELUDE = [[
  local tls, uv = require "tls", require "luv"
  local function read(name)
    local f = assert(io.open(DIR .. "/" .. name, "rb"))
    local text = f:read "*a"
    f:close()
    return text
  end
  local ca, agent = read "ca.crt", { key = read "agent.key", cert = read "agent.crt" }
  local function serve(options, on_socket)
    if not options.pfx then options.key, options.cert = read "rsa.key", read "rsa.crt" end
    return tls.createServer(options, on_socket or function(s) s:pipe(s) end)
  end
  local function visit(server, options, on_close)
    options.port, options.host, options.servername = server:address().port, "127.0.0.1", "localhost"
    local socket = tls.connect(options, function() print "trusted" end)
    socket:on("error", function(err) print(err.code) end)
    socket:on("close", on_close or function() server:close() end)
    socket:resume()
    return socket
  end
]]

local READ = "Warning: ignoring extra certs from '/nowhere'\n"

-- What the program prints, with these variables.
local function child(env, body, limit)
  local output
  for name, value in pairs(env) do helper.uv.os_setenv(name, value) end
  script.run(("local DIR = %q\n"):format(certs.dir) .. PRELUDE .. body .. "\nuv.run()", { limit = limit },
    helper.expect(function(status, text)
      assert.equal(0, status, text)
      output = text
    end))
  for name in pairs(env) do helper.uv.os_unsetenv(name) end
  helper.run(20000)
  return output
end

describe("the system's certificates", function()
  local env = { LUA_EXTRA_CA_CERTS = "/nowhere", SSL_CERT_FILE = certs.ca.cert_file }

  local VISIT = [[
    server:listen(0, "127.0.0.1", function()
      local client = visit(server, { ca = ca, key = agent.key, cert = agent.cert })
      client:on("secureConnect", function() client:finish() end)
    end)
  ]]

  local PFX = "pfx = { { buf = read 'rsa.pfx', passphrase = 'sesame' } }"

  for _, options in ipairs { "{}", "{ crl = read 'ca.crl' }", "{" .. PFX .. "}" } do
    it("are not read by a server that verifies nobody: " .. options, function()
      assert.equal("trusted\n", child(env, "local server = serve " .. options .. VISIT))
    end)
  end

  it("are read by one that verifies clients", function()
    assert.equal(READ .. "trusted\n",
      child(env, "local server = serve { requestCert = true, rejectUnauthorized = true }" .. VISIT))
  end)

  it("are not read for a context that is chosen by name, unless it is to verify somebody", function()
    local chosen = [[
      server:addContext("localhost", tls.createSecureContext { key = read "ecdsa.key", cert = read "ecdsa.crt" })
    ]]
    assert.equal("trusted\n", child(env, "local server = serve {}" .. chosen .. VISIT))
    assert.equal(READ .. "trusted\n", child(env, [[
      local server = serve { ca = read "otherca.crt", requestCert = true, rejectUnauthorized = true }
    ]] .. chosen .. VISIT))
  end)

  for version, how in pairs { ["TLSv1.3"] = "asks for a certificate later", ["TLSv1.2"] = "renegotiates" } do
    it("are read for a context that is chosen by name when the server " .. how, function()
      local output = child(env, [[
        local server = serve({ ca = read "otherca.crt", maxVersion = "]] .. version .. [[" }, function(socket)
          print "nobody"
          io.stdout:flush()
          socket:resume()
          assert(socket:renegotiate({ requestCert = true, rejectUnauthorized = true }, function(err)
            print(err or socket.authorized)
            socket:finish()
          end))
        end)
        server:addContext("localhost", tls.createSecureContext { key = read "ecdsa.key", cert = read "ecdsa.crt" })
        server:listen(0, "127.0.0.1", function()
          visit(server, { ca = ca, key = agent.key, cert = agent.cert })
        end)
      ]])
      assert.equal("nobody\n" .. READ .. "true\n", (output:gsub("trusted\n", ""))) -- each side tells in its time
    end)
  end

  it("are joined to a context's own when they are needed", function()
    local own = { LUA_EXTRA_CA_CERTS = certs.otherca.cert_file, SSL_CERT_FILE = certs.ca.cert_file }
    for _, options in ipairs { "crl = read 'ca.crl'", PFX } do
      assert.equal("trusted\n", child(own, ([[
        local server = serve {}
        server:listen(0, "127.0.0.1", function()
          local client = visit(server, { %s })
          client:on("secureConnect", function() client:finish() end)
        end)
      ]]):format(options)))
    end
    assert.equal("trusted\ntrusted\n", child(own, [[
      local server, context = serve {}, tls.createSecureContext()
      context:addCACert(read "newca.crt")
      server:listen(0, "127.0.0.1", function()
        local client = visit(server, { secureContext = context }, function()
          local again = visit(server, { secureContext = context })
          again:on("secureConnect", function() again:finish() end)
        end)
        client:on("secureConnect", function() client:finish() end)
      end)
    ]]))
  end)
end)

-- The descriptors are used up but for the one that the connection is made with.
local STARVED = [[
  local server = serve {}
  local taken = {}
  local function take()
    repeat -- each is kept: the collector would close one when it likes
      local file = io.open "/dev/null"
      taken[#taken + 1] = file
    until not file
  end
  local function give()
    for _, file in ipairs(taken) do file:close() end
    taken = {}
  end
]]

local STARVED_THEN_NOT = [[
  server:listen(0, "127.0.0.1", function()
    take()
    table.remove(taken):close()
    visit(server, {}, function()
      give()
      local client = visit(server, {})
      client:on("secureConnect", function() client:finish() end)
    end)
  end)
]]

describe("a lack of descriptors when the system's certificates are read", function()
  local env = { SSL_CERT_FILE = certs.ca.cert_file, SSL_CERT_DIR = "/nowhere" }

  it("is the error of one connection, and the next one reads them", function()
    assert.equal("EMFILE\ntrusted\n", child(env, STARVED .. STARVED_THEN_NOT, 40))
  end)

  it("is the error of the one call of createSecureContext's that needs them", function()
    assert.equal("false\tEMFILE\tthe system's certificates could not be read\ntrusted\n", child(env, STARVED .. [[
      local context = tls.createSecureContext()
      local core = require "tls.core"
      local terms = core.connectionOptions { servername = "localhost" }
      take()
      local ok, err = pcall(core.conn, context._native, terms)
      print(ok, err.code, err.message:match "%d: (.*)")
      give()
      core.conn(context._native, terms):close()
      server:listen(0, "127.0.0.1", function()
        local client = visit(server, {})
        client:on("secureConnect", function() client:finish() end)
      end)
    ]], 40))
  end)

  it("is an error of getCACertificates, which keeps no list that is short", function()
    assert.equal("false\tEMFILE\n1\nfalse\tEMFILE\n1\n", child(
      { SSL_CERT_FILE = certs.ca.cert_file, SSL_CERT_DIR = "/nowhere", LUA_EXTRA_CA_CERTS = certs.ca.cert_file },
      STARVED .. [[
        for _, kind in ipairs { "system", "extra" } do
          take()
          local ok, err = pcall(tls.getCACertificates, kind)
          print(ok, err.code)
          give()
          print(#tls.getCACertificates(kind))
        end
      ]], 40))
  end)

  it("is met by the file of LUA_EXTRA_CA_CERTS too, without a warning", function()
    assert.equal("EMFILE\ntrusted\n", child({ SSL_CERT_FILE = "/nowhere", LUA_EXTRA_CA_CERTS = certs.ca.cert_file },
      STARVED .. STARVED_THEN_NOT, 40))
  end)

  it("is not what a file is that is missing, unreadable or a folder", function()
    for _, file in ipairs { "/nowhere", "/tmp", "/dev/null/x" } do
      assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE\n", child({ SSL_CERT_FILE = file, SSL_CERT_DIR = "/nowhere" }, [[
        local server = serve {}
        server:listen(0, "127.0.0.1", function() visit(server, {}) end)
      ]]))
    end
  end)
end)

describe("Lua states on several threads", function()
  it("share the system's certificates, whoever needs them first", function()
    assert.equal("4\n", child({ SSL_CERT_FILE = certs.ca.cert_file }, [[
      local threads, done = {}, 0
      for i = 1, 4 do
        threads[i] = uv.new_thread(string.dump(function(path, cpath, crl)
          package.path, package.cpath = path, cpath
          local tls, core = require "tls", require "tls.core"
          for k = 1, 20 do
            local options = k % 2 == 0 and { crl = crl } or {}
            local client = core.connectionOptions { servername = "localhost" }
            core.conn(tls.createSecureContext(options)._native, client):close()
          end
        end), package.path, package.cpath, read "ca.crl")
      end
      for i = 1, 4 do if threads[i]:join() then done = done + 1 end end
      print(done)
    ]]))
  end)
end)

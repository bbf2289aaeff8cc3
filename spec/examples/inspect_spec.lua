-- examples/inspect.lua and examples/mutual_tls, run as a user runs them.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local child = require "spec.support.child"
local commands = require "spec.support.command"
local tasks = require "spec.support.tasks"
local tls = require "tls"

local expect = helper.expect
local LUA = os.getenv "LUA" or "lua5.4"

-- Makes name-key.pem and name-cert.pem in a folder.
local function make(folder, name, subject, more)
  local text = ("cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '%s' "
    .. "-keyout %s-key.pem -out %s-cert.pem %s 2>/dev/null"):format(folder, subject, name, name, more or "")
  assert(os.execute(text))
end

local function inspect(name, ca, check)
  local own = type(name) == "table" and name or { key = certs[name].key, cert = certs[name].cert }
  local server = tls.createServer(own, function(socket)
    socket:on("error", function() end)
    socket:resume()
  end)
  server:on("tlsClientError", function() end)
  server:listen(0, "127.0.0.1", function()
    child.spawn({ LUA, "examples/inspect.lua", "localhost:" .. server:address().port, ca },
      expect(function(status, output)
        check(status, output)
        server:close()
      end))
  end)
  helper.run()
end

describe("inspect.lua", function()
  it("shows a server that is trusted, and its chain", function()
    inspect("chain", certs.ca.cert_file, function(status, output)
      assert.equal(0, status)
      for _, text in ipairs { "protocol    TLSv1.3", "cipher      TLS_AES_256_GCM_SHA384", "group       ",
        "subject   CN=localhost", "subject   CN=intermediate", "subject   CN=ca, O=tls specs",
        "names     DNS:localhost, IP Address:127.0.0.1", "key       EC P-256", "verdict     trusted" } do
        assert.is_truthy(output:find(text, 1, true), text .. " is not in\n" .. output)
      end
    end)
  end)

  it("says why one is not trusted, and shows it all the same", function()
    inspect("expired", certs.ca.cert_file, function(status, output)
      assert.equal(1, status)
      assert.is_truthy(output:find("NOT trusted: CERT_HAS_EXPIRED", 1, true))
      assert.is_truthy(output:find("subject   CN=localhost", 1, true))
    end)
    inspect("rsa", nil, function(status, output)
      assert.equal(1, status)
      assert.is_truthy(output:find("NOT trusted: UNABLE_TO_VERIFY_LEAF_SIGNATURE", 1, true))
      assert.is_truthy(output:find("key       RSA 2048", 1, true))
    end)
  end)

  it("shows no line and no colour that the server has chosen", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder))
    make(folder, "evil", "/CN=\27[31mevil\nverdict     trusted")
    local function file(name) return { file = folder .. "/evil-" .. name .. ".pem" } end
    inspect({ key = file "key", cert = file "cert" }, nil, function(status, output)
      assert.equal(1, status)
      assert.is_truthy(output:find("subject   CN=?[31mevil?verdict     trusted\n", 1, true), output)
      assert.is_nil(output:find "\27")
    end)
    os.execute("rm -r " .. folder)
  end)

  it("says what cannot be reached, and how it is used", function()
    child.spawn({ LUA, "examples/inspect.lua", "127.0.0.1:1" }, expect(function(status, output)
      assert.equal(2, status)
      assert.matches("127.0.0.1:1: connect ECONNREFUSED", output)
    end))
    child.spawn({ LUA, "examples/inspect.lua" }, expect(function(status, output)
      assert.equal(2, status)
      assert.matches("^usage: inspect.lua HOST", output)
    end))
    helper.run()
  end)
end)

describe("mutual_tls", function()
  local folder = os.tmpname()
  os.remove(folder)

  setup(function() assert(os.execute("LD_PRELOAD= sh scripts/certs.sh " .. folder .. " >/dev/null")) end)
  teardown(function() os.execute("rm -r " .. folder) end)

  -- The server's output once the client has been there and the server has said so.
  local function visit(client_folder, said_by_server, check, list)
    local server
    server = child.spawn({ LUA, "examples/mutual_tls/server.lua", folder, "0", list },
      expect(function(_, output) check(output) end))
    server:when("listening on port %d+", expect(function(output)
      child.spawn({ LUA, "examples/mutual_tls/client.lua", client_folder, output:match "port (%d+)" },
        expect(function(status, said)
          server.client_status, server.client_said = status, said
          server:when(said_by_server, function() server:stop() end)
        end))
    end))
    helper.run()
    return server
  end

  it("lets alice in", function()
    local server = visit(folder, "alice is here", function(output)
      assert.matches("alice is here, from 127.0.0.1", output)
    end)
    assert.equal(0, server.client_status)
    assert.equal("connected to localhost\nhello, alice\n", server.client_said)
  end)

  it("lets openssl s_client and curl in by their certificates, and neither without", function()
    tasks.run(function()
      local server = commands.start({ LUA, "examples/mutual_tls/server.lua", folder, "0" }, "listening on port (%d+)")
      local place, pem = "localhost:" .. server.found, folder .. "/client-"
      local with = { "-cert", pem .. "cert.pem", "-key", pem .. "key.pem" }
      local look = { "openssl", "s_client", "-quiet", "-verify_return_error", "-connect", place, "-CAfile",
        folder .. "/ca-cert.pem" }
      local _, output = commands.run(look)
      assert.is_nil(output:find("hello", 1, true), output)
      for i, word in ipairs(with) do look[8 + i] = word end
      _, output = commands.run(look)
      assert.truthy(output:find("hello, alice", 1, true), output)
      local ask = { "curl", "-sS", "--http0.9", "--cacert", folder .. "/ca-cert.pem", "https://" .. place }
      local status
      status, output = commands.run(ask)
      assert.is_true(status ~= 0)
      assert.is_nil(output:find("hello", 1, true), output)
      for _, word in ipairs { "--cert", pem .. "cert.pem", "--key", pem .. "key.pem" } do ask[#ask + 1] = word end
      assert.same({ 0, "hello, alice\n" }, { commands.run(ask) })
      local _, refused = server.output:gsub("refused [^\n]*", "")
      assert.equal(2, refused, server.output)
      server:stop()
    end)
  end)

  it("lets in who has no name, and one that would control the terminal", function()
    local by = ("-CA %s/ca-cert.pem -CAkey %s/ca-key.pem"):format(folder, folder)
    for subject, name in pairs { ["/O=x"] = "somebody", ["/CN=a/CN=\27[31mb"] = "a+?[31mb" } do
      local other = os.tmpname()
      os.remove(other)
      os.execute("cp -r " .. folder .. " " .. other)
      make(other, "client", subject, by)
      local server = visit(other, "is here", function(output)
        assert.is_truthy(output:find(name .. " is here, from 127.0.0.1", 1, true), output)
        assert.is_nil(output:find "traceback")
      end)
      os.execute("rm -r " .. other)
      assert.equal("connected to localhost\nhello, " .. name .. "\n", server.client_said)
    end
  end)

  it("keeps others out, and says who and where they were", function()
    local stranger = os.tmpname()
    os.remove(stranger)
    os.execute("cp -r " .. folder .. " " .. stranger)
    for name, file in pairs { key = certs.stranger.key_file, cert = certs.stranger.cert_file } do
      os.execute(("cp %s %s/client-%s.pem"):format(file, stranger, name))
    end
    local server = visit(stranger, "refused", function(output)
      assert.matches("refused 127.0.0.1, port %d+: unable to verify the first certificate", output)
    end)
    os.execute("rm -r " .. stranger)
    assert.equal(1, server.client_status)
    assert.matches("client.lua: .*alert unknown ca", server.client_said)
  end)

  it("lets in who is in the list, and nobody else whom the CA knows", function()
    local list, bob = os.tmpname(), os.tmpname()
    local function allow(who)
      local command = "openssl x509 -noout -fingerprint -sha256 -in %s/client-cert.pem | sed 's/.*=//; s/$/ name/' >>%s"
      os.execute("unset LD_PRELOAD; " .. command:format(who, list))
    end
    allow(folder)
    os.remove(bob)
    os.execute("cp -r " .. folder .. " " .. bob)
    make(bob, "client", "/CN=bob", ("-CA %s/ca-cert.pem -CAkey %s/ca-key.pem -addext subjectAltName=DNS:bob.example")
      :format(folder, folder))
    local server = visit(folder, "alice is here", function() end, list)
    assert.equal("connected to localhost\nhello, alice\n", server.client_said)
    server = visit(bob, "bob is not in the list, from 127.0.0.1: %x%x:[%x:]+\n", function() end, list)
    assert.is_nil(server.client_said:find "hello")
    allow(bob)
    server = visit(bob, "bob is here, from 127.0.0.1\n  also DNS:bob.example\n", function() end, list)
    assert.equal("connected to localhost\nhello, bob\n", server.client_said)
    os.execute("rm -r " .. bob .. " " .. list)
    child.spawn({ LUA, "examples/mutual_tls/server.lua", folder, "0", "/no/list" }, expect(function(status, output)
      assert.equal(1, status)
      assert.equal("server.lua: the list cannot be read: /no/list\n", output)
    end))
    helper.run()
  end)

  it("says how it is used, and what is wrong", function()
    for _, name in ipairs { "server", "client" } do
      for words, problem in pairs { [""] = "usage: ", ["x port"] = "usage: ", ["/nowhere 0"] = "/nowhere/" } do
        local command = { LUA, "examples/mutual_tls/" .. name .. ".lua" }
        for word in words:gmatch "%S+" do command[#command + 1] = word end
        child.spawn(command, expect(function(status, output)
          assert.equal(1, status)
          assert.is_truthy(output:find("^" .. name .. "%.lua: "), output)
          assert.is_truthy(output:find(problem, 1, true), output)
          assert.is_nil(output:find("traceback", 1, true))
        end))
      end
    end
    helper.run()
  end)
end)

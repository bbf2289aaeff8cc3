-- Peers that say nothing: the cookbook's clients leave them, while they connect, in the handshake and behind it; and so
-- do its servers.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local co = require "tls.co"
local programs = require "spec.support.programs"
local tasks = require "spec.support.tasks"

local example = programs.examples()
local uv = helper.uv

-- With the times that they are given here, or have.
local function clients(port)
  local place, ca, cert, key = "localhost:" .. port, certs.ca.cert_file, certs.agent.cert_file, certs.agent.key_file
  return {
    example("https_get.lua", "--ca", ca, "--deadline", "2", "https://" .. place .. "/"),
    example("smtp_send.lua", "--ca", ca, "--deadline", "2", place, "ann@here", "bob@there"),
    example("mqtt.lua", "publish", place, ca, cert, key, "topic", "message", "2"),
    example("redis.lua", place, ca, "2"),
    example("postgres.lua", "ask", place, "base", "user", ca, cert, key, "select 1", "2"),
    example("postgres.lua", "direct", place, "base", "user", ca, cert, key, "select 1", "2"),
    example("websocket/client.lua", "wss://" .. place .. "/", ca, "2"),
    example("co_chat.lua", "talk", place, ca), -- 10 s
  }
end

-- All of them at once; each has to say in a line that nobody answers.
local function all_leave(port)
  local children = {}
  for i, command in ipairs(clients(port)) do
    children[i] = programs.start(command)
    children[i]:write "PING\n"
    children[i].stdin:shutdown()
  end
  for _, child in ipairs(children) do
    while not child.status or child.parts > 0 do co.sleep(5) end
    assert.equal(1, child.status)
    assert.matches("^[%w_]+%.lua: [^\n]+\n$", child.output)
    assert.truthy(child.output:find "in %d seconds" or child.output:find "ERR_TIMEOUT", child.output)
  end
end

-- A port whose queue is full: who connects to it waits.
local function full_port()
  local handles = { uv.new_tcp() }
  handles[1]:bind("127.0.0.1", 0)
  handles[1]:listen(1, function() end) -- accepts nobody
  local port = handles[1]:getsockname().port
  for i = 2, 12 do
    handles[i] = uv.new_tcp()
    handles[i]:connect("127.0.0.1", port, function() end)
  end
  return port, handles
end

-- As those of the README, and as certbot has them.
local function make_folder()
  local folder = assert(uv.fs_mkdtemp "/tmp/silentXXXXXX")
  for _, path in ipairs { "/live", "/live/localhost" } do assert(uv.fs_mkdir(folder .. path, tonumber("700", 8))) end
  for to, from in pairs { ["server-cert.pem"] = certs.rsa.cert_file, ["server-key.pem"] = certs.rsa.key_file,
    ["ca-cert.pem"] = certs.ca.cert_file, ["live/localhost/fullchain.pem"] = certs.rsa.cert_file,
    ["live/localhost/privkey.pem"] = certs.rsa.key_file } do
    assert(uv.fs_copyfile(from, folder .. "/" .. to))
  end
  return folder
end

local function servers(folder)
  local cert, key = certs.rsa.cert_file, certs.rsa.key_file
  return { example("alpn_h2.lua", "0", cert, key), example("acme_answer.lua", "0", cert, key, "docs"),
    example("co_chat.lua", "serve", "0", cert, key), example("one_port.lua", "0", cert, key),
    example("https_server.lua", "--port", "0", "--cert", cert, "--key", key),
    example("virtual_hosts.lua", "0", folder .. "/live"), example("mutual_tls/server.lua", folder, "0") }
end

describe("a peer that is silent", function()
  it("is left by each client in the middle of the handshake", function()
    tasks.run(function()
      local server = tasks.serve({ plain = true }, function(socket) socket:read "a" end)
      all_leave(server:address().port)
      server:close()
    end)
  end)

  it("is left by each client that is not even connected", function()
    tasks.run(function()
      local port, handles = full_port()
      co.sleep(100)
      all_leave(port)
      for _, handle in ipairs(handles) do handle:close() end
    end)
  end)

  it("is left by each client behind the handshake", function()
    tasks.run(function()
      local function first(info) return info.protocols[1] end
      local server = tasks.serve({ onError = print, ALPNCallback = first }, function(socket) socket:read "a" end)
      local port = server:address().port
      for _, command in ipairs(clients(port)) do
        if not command[2]:find "co_chat" and not command[2]:find "smtp" and command[3] ~= "ask" then
          local status, output = programs.run(command, "PING\n")
          assert.equal(1, status)
          assert.truthy(output:find "in %d seconds" or output:find "ERR_TIMEOUT", output)
        end
      end
      server:close()
    end)
  end)

  it("is left by each server, whether it has begun the handshake or not", function()
    tasks.run(function()
      local started, waiting, folder = {}, {}, make_folder()
      for i, command in ipairs(servers(folder)) do started[i] = programs.start(command) end
      for i, server in ipairs(started) do
        local port = tonumber((programs.wait_for(server, "listening on [^\n]-(%d+)/?\n")))
        for j, text in ipairs { "", "\22", "\22\3\1\2\0\1\0\1" } do
          waiting[3 * i + j] = co.run(function()
            local socket = assert(co.connect { host = "127.0.0.1", port = port, plain = true })
            if text ~= "" then socket:write(text) end
            return #(socket:read "a" or "")
          end)
        end
      end
      for _, task in pairs(waiting) do assert.is_true(task:wait() < 8) end -- an alert, or nothing
      for _, server in ipairs(started) do
        assert.is_nil(server.status)
        server:stop()
      end
      assert.equal(0, (programs.run { "rm", "-r", folder }))
    end)
  end)
end)

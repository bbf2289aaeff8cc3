-- The examples, run as a user runs them.
require "spec.helper"
local certs = require "spec.support.certs"
local sh = require("spec.support.shell").run

local lua = "timeout 20 " .. (os.getenv "LUA" or "lua5.4")
if lua:find "luajit" then lua = "env LD_PRELOAD= 'LUA_CPATH=build/jit/?.so;;' " .. lua end

--- Start 'server' in the background, wait for 'ready' (if any) in its output, run
-- 'client', stop the server by its own id. Both outputs.
local function together(server, ready, client)
  local log = os.tmpname()
  local out, status = sh(table.concat({
    server .. " >" .. log .. " 2>&1 & pid=$!",
    ready and "for i in $(seq 1000); do grep -q '" .. ready .. "' " .. log ..
      " && break; sleep 0.05; done" or ":",
    client,
    "result=$?; kill $pid; wait $pid 2>/dev/null; (exit $result)",
  }, "\n"))
  local f = io.open(log)
  local server_out = f:read "*a"
  f:close()
  os.remove(log)
  return out, status, server_out
end

local function free_port()
  local uv = require "luv"
  local tcp = uv.new_tcp()
  tcp:bind("127.0.0.1", 0)
  local port = tcp:getsockname().port
  tcp:close()
  uv.run()
  return port
end

local function files(name)
  return table.concat({ certs[name].key_file, certs[name].cert_file,
    certs.ca.cert_file }, " ")
end

describe("examples", function()
  it("echo_server and echo_client know each other", function()
    local port = free_port()
    local out, _, server_out = together(
      lua .. " examples/echo_server.lua " .. port .. " " .. files "rsa",
      "server bound",
      "printf 'one\\ntwo\\n' | " .. lua .. " examples/echo_client.lua " ..
        port .. " " .. files "agent")
    assert.equal("client connected\tauthorized\nwelcome!\none\ntwo\n" ..
      "server ends connection\n", out)
    assert.truthy(server_out:find("server connected\tauthorized", 1, true))
  end)

  it("echo_client sends a file to its end", function()
    local port = free_port()
    local name, log = os.tmpname(), os.tmpname()
    local text = ("a line of the file\n"):rep(20000)
    local f = assert(io.open(name, "w"))
    f:write(text)
    f:close()
    local _, status = together(
      lua .. " examples/echo_server.lua " .. port .. " " .. files "rsa",
      "server bound",
      lua .. " examples/echo_client.lua " .. port .. " " .. files "agent" ..
        " <" .. name .. " >" .. log)
    f = assert(io.open(log))
    local out = f:read "*a"
    f:close()
    os.remove(name)
    os.remove(log)
    assert.equal(0, status)
    assert.truthy(out == "client connected\tauthorized\nwelcome!\n" .. text ..
      "server ends connection\n")
  end)

  it("echo_server sees that a stranger is one", function()
    local port = free_port()
    local out, _, server_out = together(
      lua .. " examples/echo_server.lua " .. port .. " " .. files "rsa",
      "server bound",
      "echo hi | " .. lua .. " examples/echo_client.lua " .. port .. " " ..
        files "stranger")
    assert.truthy(out:find("welcome!", 1, true))
    assert.truthy(server_out:find("server connected\tunauthorized", 1, true))
  end)

  it("the demo tells what happens and ends well", function()
    local out, status = sh(lua .. " examples/demo.lua")
    assert.equal(0, status)
    for _, text in ipairs {
      "protocol   TLSv1.3", "group", "ALPN       echo/1",
      "peer       localhost", "authorized true", "echoed     and came back",
      "rejected: UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      "rejected: ERR_TLS_CERT_ALTNAME_INVALID",
    } do
      assert.truthy(out:find(text, 1, true), text .. " is missing in " .. out)
    end
  end)

  it("say how they are used, and what is wrong", function()
    local client_files = table.concat({ certs.ca.cert_file, certs.agent.cert_file, certs.agent.key_file }, " ")
    for command, text in pairs {
      ["echo_server.lua x"] = "^echo_server.lua: usage: ",
      ["echo_server.lua 0 key.pem"] = "^echo_server.lua: usage: ",
      ["echo_server.lua 0 /no/key /no/cert /no/ca"] = "^echo_server.lua: .*/no/",
      ["echo_client.lua x"] = "^echo_client.lua: usage: ",
      ["echo_client.lua 1 /no/key /no/cert /no/ca"] = "^echo_client.lua: .*/no/",
      ["echo_client.lua " .. free_port() .. " " .. files "agent"] = "^echo_client.lua: connect ECONNREFUSED",
      ["inspect.lua localhost /no/ca"] = "^inspect.lua: .*/no/ca",
      ["connect_tunnel.lua http://localhost:1 https://localhost /no/ca"] = "^connect_tunnel.lua: .*/no/ca",
      ["proxy_protocol.lua 0 /no/cert /no/key"] = "^proxy_protocol.lua: .*/no/",
      ["proxy_protocol.lua 0 x y z"] = "^proxy_protocol.lua: usage: ",
      ["starttls.lua serve 0 /no/cert /no/key"] = "^starttls.lua: .*/no/",
      ["starttls.lua serve x y z"] = "^starttls.lua: usage: ",
      ["alpn_h2.lua 0 /no/cert /no/key"] = "^alpn_h2.lua: .*/no/",
      ["alpn_h2.lua 99999 " .. files "rsa"] = "^alpn_h2.lua: ",
      ["co_chat.lua serve 0 /no/cert /no/key"] = "^co_chat.lua: .*/no/",
      ["co_chat.lua serve 0 /no/cert"] = "^co_chat.lua: usage: ",
      ["co_chat.lua talk x y"] = "^co_chat.lua: not HOST:PORT",
      ["co_chat.lua talk localhost:1 /no/ca"] = "^co_chat.lua: .*/no/ca",
      ["co_chat.lua talk localhost:1 " .. certs.ca.cert_file] = "^co_chat.lua: connect ECONNREFUSED",
      ["redis.lua localhost:1 " .. certs.ca.cert_file] = "^redis.lua: connect ECONNREFUSED",
      ["mqtt.lua publish localhost:1 " .. client_files .. " a b"] = "^mqtt.lua: connect ECONNREFUSED",
      ["postgres.lua ask localhost:1 a b " .. client_files .. " c"] = "^postgres.lua: connect ECONNREFUSED",
      ["postgres.lua direct localhost:1 a b " .. client_files .. " c"] = "^postgres.lua: connect ECONNREFUSED",
      ["websocket/client.lua wss://localhost:1/ " .. certs.ca.cert_file] = "^client.lua: connect ECONNREFUSED",
      ["https_get.lua https://localhost:1/"] = "^https_get.lua: connect ECONNREFUSED",
      ["mutual_tls/server.lua /no"] = "^server.lua: .*/no/",
      ["mutual_tls/server.lua /no 99999"] = "^server.lua: usage: ",
      ["mutual_tls/client.lua /no"] = "^client.lua: .*/no/", ["mutual_tls/client.lua /no x"] = "^client.lua: usage: ",
      ["https_server.lua --port 99999 --key " .. certs.rsa.key_file .. " --cert " .. certs.rsa.cert_file] =
        "^https_server.lua: no port 99999",
      ["starttls.lua serve 99999 " .. certs.rsa.cert_file .. " " .. certs.rsa.key_file] = "^starttls.lua: usage: ",
      ["proxy_protocol.lua 99999 x y"] = "^proxy_protocol.lua: usage: ",
      ["echo_server.lua 99999"] = "^echo_server.lua: usage: ", ["echo_client.lua 99999"] = "^echo_client.lua: usage: ",
      ["acme_answer.lua 0 /no/cert /no/key /tmp"] = "^acme_answer.lua: .*/no/",
      ["acme_answer.lua 0 /no/cert /no/key /no/folder"] = "^acme_answer.lua: no such folder: /no/folder",
      ["one_port.lua 0 /no/cert /no/key"] = "^one_port.lua: .*/no/",
      ["redis.lua localhost:1 /no/ca"] = "^redis.lua: .*/no/ca",
      ["mqtt.lua publish localhost:1 /no/ca /no/cert /no/key a b"] = "^mqtt.lua: .*/no/",
      ["postgres.lua direct localhost:1 a b /no/ca /no/cert /no/key c"] = "^postgres.lua: .*/no/",
      ["websocket/client.lua wss://localhost:1 /no/ca"] = "^client.lua: .*/no/ca",
      ["fleet/fleet.lua 20000 0 /no/cert /no/key"] = "^usage: fleet.lua ",
      ["ocsp_stapling.lua /no/cert /no/key /no/ca"] = "^ocsp_stapling.lua: .*/no/",
    } do
      local out, status = sh(lua .. " examples/" .. command .. " </dev/null")
      assert.is_true(status == 1 or status == 2, command .. ": " .. status .. " " .. out)
      assert.matches(text, out)
      assert.is_nil(out:find("traceback", 1, true), out)
    end
  end)
end)

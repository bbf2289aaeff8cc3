-- Fleets of examples/fleet for specs: processes of their own, and clients that are tasks of the spec's process.
local assert = require "luassert"
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local co = require "tls.co"
local free_port = require "spec.support.free_port"
local tasks = require "spec.support.tasks"

local uv = helper.uv
local LUA = os.getenv "LUA" or "lua5.4"

local fleet = {}

local PATIENCE = 150000 -- ms; a machine with much to do takes its time, and a spec that has failed is to end

--- In a task: waits until fn() is true.
function fleet.wait(fn)
  local began = uv.now()
  while not fn() do
    if uv.now() - began > PATIENCE then error("it does not come", 2) end
    co.sleep(10)
  end
end

function fleet.copy(from, to)
  local source, target = assert(io.open(from, "rb")), assert(io.open(to, "wb"))
  target:write(source:read "*a")
  source:close()
  target:close()
end

-- A fleet of two workers; the certificate, key and service are copies, in a folder of its own. on_ready(port, parent,
-- files) is called in a task.
function fleet.start(on_ready, env)
  local folder = assert(uv.fs_mkdtemp "/tmp/tls-fleet-XXXXXX")
  local files = { cert = folder .. "/cert", key = folder .. "/key", service = folder .. "/service.lua" }
  fleet.copy(certs.rsa.cert_file, files.cert)
  fleet.copy(certs.rsa.key_file, files.key)
  fleet.copy("examples/fleet/service.lua", files.service)
  local parent = Child.spawn({ LUA, "examples/fleet/fleet.lua", "0", "2", files.cert, files.key, files.service },
    helper.expect(function()
      for _, path in pairs(files) do os.remove(path) end
      uv.fs_rmdir(folder)
    end), { env = env, limit_ms = 2 * PATIENCE })
  parent:when("port %d+, parent %d+", function(output)
    tasks.start(function()
      fleet.wait(function() return select(2, parent.output:gsub("worker %d+ ready", "")) >= 2 end)
      on_ready(tonumber(output:match "port (%d+)"), parent, files)
    end)
  end)
  return parent
end

-- A task that has a fleet.
function fleet.with(visitor, env)
  local parent = fleet.start(function(port, parent, files)
    visitor(port, parent, files)
    parent.handle:kill "sigterm"
  end, env)
  helper.run(PATIENCE)
  assert.equal(0, parent.status)
  return parent.output
end

function fleet.wait_for(parent, pattern)
  fleet.wait(function() return parent.output:find(pattern) end)
  return parent.output:match(pattern)
end

--- Replaces all workers, and waits until that is done.
function fleet.reload(parents)
  local done = {}
  for i, parent in ipairs(parents) do
    done[i] = select(2, parent.output:gsub("reloaded", ""))
    parent.handle:kill "sighup"
  end
  for i, parent in ipairs(parents) do
    fleet.wait(function() return select(2, parent.output:gsub("reloaded", "")) ~= done[i] end)
    assert.equal("2", parent.output:match ".*reloaded (%d) of 2", parent.output)
  end
end

-- A connection, and the worker it has come to.
function fleet.enter(port, options)
  local all = { host = "localhost", port = port, ca = certs.ca.cert, family = 4 }
  for name, value in pairs(options or {}) do all[name] = value end
  local socket, err = co.connect(all)
  if not socket then return nil, err end
  local line, why = socket:read()
  if not line then
    socket.stream:destroy()
    return nil, why or "ended"
  end
  return socket, tonumber(line:match "^worker (%d+)"), line:match "%w+$"
end

function fleet.echo(socket, text)
  local ok, err = socket:write(text, "\n")
  if not ok then return nil, err end
  return socket:read()
end

-- Clients that come, say something and go, until stop() is called, which returns how many were served and what else
-- has happened to others: { client = its number, worker or false, err }[].
function fleet.load(port, count)
  local served, lost, going, list, began = 0, {}, true, {}, uv.now()
  for i = 1, count do
    list[i] = co.run(function()
      while going and uv.now() - began < PATIENCE do
        local socket, worker = fleet.enter(port)
        if socket and fleet.echo(socket, "ping") == "ping" then served = served + 1 else
          lost[#lost + 1] = { client = i, worker = socket and worker or false, err = not socket and worker }
        end
        if socket then socket:close() end
      end
    end)
  end
  return function()
    going = false
    for _, task in ipairs(list) do
      task:wait()
      assert.equal("done", task.status)
    end
    return served, lost
  end, function() return served end
end

-- `count` connections that stay: { socket, worker }[].
function fleet.guests(port, count)
  local list = {}
  for i = 1, count do
    local socket, worker = fleet.enter(port)
    assert(socket, tostring(worker))
    list[i] = { socket = socket, worker = worker }
  end
  return list
end

local TOOLS = uv.cwd() .. "/build/tools/usr"
local REDIS = TOOLS .. "/bin/redis-server"
if not uv.fs_stat(REDIS) then REDIS = uv.fs_stat "/usr/bin/redis-server" and "/usr/bin/redis-server" end

-- A Redis over TLS that wants client certificates; what it has is gone at its end. done(redis)
function fleet.redis_at(port, done)
  local redis = Child.spawn({ REDIS, "--bind", "127.0.0.1", "--port", "0", "--tls-port", tostring(port), "--save", "",
    "--tls-cert-file", certs.rsa.cert_file, "--tls-key-file", certs.rsa.key_file,
    "--tls-ca-cert-file", certs.ca.cert_file, "--tls-auth-clients", "yes" }, helper.expect(),
    { limit_ms = 2 * PATIENCE, env = { ("LD_LIBRARY_PATH=%s/lib/%s-linux-gnu"):format(TOOLS, uv.os_uname().machine) } })
  redis:when("eady to accept connections", function() done(redis) end)
end

-- Calls fn(ports, parents, redis, port) in a task, with two fleets, each a "machine", and the Redis that they share.
function fleet.with_machines(fn, more)
  local parents, ports = {}, {}
  free_port(function(redis_port)
    fleet.redis_at(redis_port, function(redis)
      local env = {
        "FLEET_REDIS=127.0.0.1:" .. redis_port, "FLEET_REDIS_CA=" .. certs.ca.cert_file,
        "FLEET_REDIS_CERT=" .. certs.rsa.cert_file, "FLEET_REDIS_KEY=" .. certs.rsa.key_file,
        "FLEET_POLL=1", "FLEET_REDIS_TIMEOUT=30", -- else a slow machine begins with a key of its own
      }
      for i, setting in ipairs(more or {}) do env[6 + i] = setting end
      for i, poll in ipairs { 0.2, 0.8 } do -- s; the second one hears of a new key later
        env[5] = "FLEET_POLL=" .. poll
        parents[i] = fleet.start(function(port)
          ports[i] = port
          if not ports[3 - i] then return end
          fn(ports, parents, redis, redis_port)
          for _, parent in ipairs(parents) do
            if not parent.handle:is_closing() then parent.handle:kill "sigterm" end
          end
          redis:stop()
        end, env)
      end
    end)
  end)
  helper.run(PATIENCE)
end

-- A session from one machine.
function fleet.session_of(port, options)
  local session
  local socket, worker = fleet.enter(port, options)
  assert(socket, tostring(worker))
  socket.stream:on("session", function(data) session = data end)
  fleet.echo(socket, "wait for the ticket")
  session = session or socket.stream:getSession()
  socket:close()
  return session
end

-- "new" or "resumed", at a machine.
function fleet.comes_back(port, session, version)
  local socket, worker, how = fleet.enter(port, { session = session, maxVersion = version })
  assert(socket, tostring(worker))
  socket:close()
  return how
end


fleet.redis, fleet.patience = REDIS, PATIENCE

return fleet

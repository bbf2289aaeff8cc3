-- Run by closed_meanwhile_spec in a Lua state of its own, whose heap is small: then the collector gets round soon, and
-- runs finalizers while the core makes Lua objects. What they do takes away what the core is reading.
-- usage: closed_meanwhile.lua METHOD of a client's socket | keys | contexts | starting; prints "ok"
local collector = require "spec.support.collector"
local program = require "spec.support.program"
local tls, net, uv = require "tls", require "tls.net", require "luv"

local CA, SERVER = program.read "ca.crt", { key = program.read "rsa.key", cert = program.read "rsa.crt" }
local COMMANDS = { setSession = true } -- of the core's connection: the method of the same name makes more garbage
local ARGUMENTS = { getPeerCertificate = { true }, exportKeyingMaterial = { 4000, "EXPORTER-test" },
  write = {}, plain_write = {} }

-- Calls f until it returns false, 400000 times at most; meanwhile the collector calls `meanwhile` now and then.
local function with_finalizers(meanwhile, f)
  local armed = true
  local function leave_garbage()
    program.finalized(function()
      if not armed then return end
      meanwhile()
      leave_garbage()
    end)
  end
  for _ = 1, 5 do leave_garbage() end
  for _ = 1, 400000 do
    if f() == false then break end
  end
  armed = false
end

local written, told = 0, 0

-- Has a callback of its own, and the heap grows by more than what is kept until then.
local function write(client)
  written = written + 1
  client:write(("x"):rep(100) .. written, function() told = told + 1 end)
end

local function ask_and_destroy(client, method)
  local arguments = ARGUMENTS[method] or { client:getSession() }
  local object = COMMANDS[method] and client._conn or client
  with_finalizers(function() client:destroy() end, function()
    if method:find "write" then write(client) else object[method](object, (table.unpack or unpack)(arguments)) end
    return not client.destroyed
  end)
  assert(client.destroyed, "no finalizer was run")
end

local function ask(method, rounds)
  local plain = method == "plain_write"
  local server = (plain and net or tls).createServer(not plain and SERVER or {}, function(socket)
    socket:on("error", function() end)
  end)
  local function again(left)
    if left == 0 then return server:close() end
    local client
    client = (plain and net or tls).connect({
      port = server:address().port, host = "127.0.0.1", servername = not plain and "localhost" or nil,
      ca = not plain and CA or nil, maxVersion = not plain and "TLSv1.2" or nil,
    }, function()
      local timer = uv.new_timer() -- inside of the drive loop nothing is freed
      timer:start(0, 0, function()
        timer:close()
        ask_and_destroy(client, method)
        again(left - 1)
      end)
    end)
  end
  server:listen(0, "127.0.0.1", function() again(rounds) end)
  uv.run()
  assert(written == told, "callbacks of writes were not called once")
end

-- A finalizer replaces the ticket keys, and spoils the table that they are read from.
local function keys()
  local server, turn, own, changes = tls.createServer {}, "a", {}, 0
  with_finalizers(function()
    turn = turn == "a" and "b" or "a"
    server:setTicketKeys { turn:rep(48), turn:rep(48) }
    own[2] = "short"
    changes = changes + 1
  end, function()
    own[1], own[2] = ("c"):rep(48), ("c"):rep(48)
    local ok, err = pcall(server.setTicketKeys, server, own)
    assert(ok or err.code == "ERR_INVALID_ARG_VALUE", err)
    local newest = server:getTicketKeys()
    assert(newest == newest:sub(1, 1):rep(48) and newest:find "^[abc]", "these are no keys")
    return changes < 50
  end)
  assert(changes > 0, "no finalizer was run")
end

-- The server's contexts are finalized before the older object that uses the server.
local function contexts()
  local code
  do
    local holder = {}
    holder.guard = program.finalized(function()
      local ok, err = pcall(holder.server.addContext, holder.server, "two.test", SERVER)
      code = ok or err.code
    end)
    holder.server = tls.createServer(SERVER)
    holder.server:addContext("one.test", SERVER)
  end
  collectgarbage()
  collectgarbage()
  assert(code == "ERR_TLS_INVALID_STATE", code)
end

-- The collector runs the finalizer at the first thing that is allocated in conn:start().
local function starting()
  local server = tls.createServer(SERVER)
  server:on("tlsClientError", function() end)
  server:listen(0, "127.0.0.1", function()
    local client = tls.TLSSocket(nil, { ca = CA, servername = "localhost" })
    client:on("error", function() end)
    client:on("close", function() server:close() end)
    client:connect(server:address().port, "127.0.0.1")
    local core = require "tls.core"
    local make = core.conn
    function core.conn(...)
      local conn = make(...)
      local methods = debug.getmetatable(conn).__index
      local start = methods.start
      function methods.start(...)
        core.conn, methods.start = make, start
        collectgarbage()
        collectgarbage "stop"
        collector.set_step(1000000)
        local socket = select(2, ...)
        program.finalized(function() socket:destroy() end)
        collectgarbage "restart"
        return start(...)
      end
      return conn
    end
  end)
  uv.run()
end

collector.set_pause(0)
collector.set_step(1000)
local what = arg[1]
local MODES = { keys = keys, contexts = contexts, starting = starting }
if MODES[what] then MODES[what]() else ask(what, COMMANDS[what] and 1 or 20) end
print "ok"

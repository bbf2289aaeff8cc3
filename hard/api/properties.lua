-- Every property that an object shows, assigned: what the module reads back from it is no raw error later. A connection
-- is made with it, echoes and ends.
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"
local run_loop = require "hard.api.loop"

local LIMIT = 20000 -- ms
local key = { key = certs.ecdsa.key, cert = certs.ecdsa.cert }

local SERVER = { "maxConnections", "dropMaxConnection", "allowHalfOpen", "pauseOnConnect", "connections", "timeout",
  "highWaterMark", "readableHighWaterMark", "writableHighWaterMark", "noDelay", "keepAlive", "defaultMaxListeners" }
local SOCKET = { "allowHalfOpen", "readableHighWaterMark", "writableHighWaterMark", "highWaterMark", "timeout",
  "bytesRead", "bytesWritten", "bufferSize", "readableLength", "writableLength", "writableNeedDrain", "readableFlowing",
  "writableCorked", "remoteAddress", "remotePort", "localAddress", "localPort", "pending", "readyState", "authorized",
  "authorizationError", "encrypted", "truncated", "alpnProtocol", "npnProtocol", "readable", "writable", "errored",
  "defaultMaxListeners", "secureConnecting", "autoSelectFamilyAttemptedAddresses", "server", "localFamily",
  "remoteFamily", "readableEncoding", "earlyDataAccepted", "servername" }

-- Other objects: what they show, and what is done with one whose property was assigned.
local function quiet(object)
  object:on("error", function() end)
  return object
end

local OTHERS = {
  ["SecureContext"] = { names = { "context", "groups", "maxEarlyData", "maxVersion", "echKeys" }, make = function()
    return tls.createSecureContext(key)
  end, use = function(context)
    context:addCACert(certs.ca.cert)
    local server = tls.createServer { secureContext = context }
    server:addContext("a.test", context)
    server:setSecureContext { secureContext = context }
    server:getTicketKeys()
    return quiet(tls.connect { port = 1, host = "127.0.0.1", secureContext = context })
  end },
  ["SecurePair"] = { names = { "cleartext", "encrypted" }, make = function()
    return tls.createSecurePair(tls.createSecureContext(key), true)
  end, use = function(pair) return quiet(pair) end },
  ["AbortController"] = { names = { "signal" }, make = net.AbortController, use = function(controller)
    controller:abort "enough"
  end },
  ["AbortSignal"] = { names = { "aborted", "reason" }, make = function() return net.AbortController().signal end,
    use = function(signal) return quiet(net.Socket { signal = signal }) end },
  ["SocketAddress"] = { names = { "address", "family", "port", "flowlabel" }, make = function()
    return net.SocketAddress { address = "192.0.2.1", port = 80 }
  end, use = function(address)
    local list = net.BlockList()
    list:addAddress(address)
    list:addSubnet(address, 24)
    list:addRange(address, "192.0.2.9")
    assert(list:check(address) and list:check "192.0.2.1", "it is not what it was")
  end },
  ["BlockList"] = { names = { "rules" }, make = net.BlockList, use = function(list)
    list:addAddress "192.0.2.1"
    assert(list:check "192.0.2.1", "it is not what it was")
    return quiet(net.createServer { blockList = list })
  end },
  ["OCSPStapler"] = { names = { "stopped" }, make = function() return tls.ocsp.staple(tls.createServer(key), {}) end,
    use = function(stapler)
      stapler:refresh()
      stapler:list()
      return quiet(stapler)
    end },
}

local function sorted(map)
  local list = {}
  for name in pairs(map) do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function echo(on_server, on_client, on_accepted)
  local seen = { closed = 0, errors = {} }
  local server = tls.createServer(key, function(socket)
    socket:on("error", function(err) seen.errors[#seen.errors + 1] = err end)
    on_accepted(socket)
    socket:on("data", function(data) socket:write(data) end)
    socket:on("end", function() socket:finish() end)
    socket:resume()
  end)
  server:on("drop", function() seen.dropped = true end)
  on_server(server)
  server:listen(0, "127.0.0.1", function()
    local client = tls.connect({ port = server:address().port, servername = "localhost", ca = certs.ca.cert },
      function() end)
    client:on("error", function(err) seen.errors[#seen.errors + 1] = err end)
    on_client(client)
    client:write(("x"):rep(100000))
    local got = 0
    client:on("data", function(data)
      got = got + #data
      if got == 100000 then client:finish() end
    end)
    client:on("close", function()
      seen.closed, seen.got = seen.closed + 1, got
      server:close()
    end)
  end)
  return seen, run_loop(LIMIT)
end

return function(run)
  local function judge(seen, wrong)
    if wrong then return wrong end
    if seen.closed ~= 1 then return seen.closed .. " x 'close'" end
    for _, err in ipairs(seen.errors) do
      local fault = run.judge.error(err)
      if fault then return fault end
    end
    if seen.got ~= 100000 and #seen.errors == 0 and not seen.dropped then return "bytes are missing" end
    return nil
  end

  local function assign(name, value)
    return function(object)
      local ok, err = pcall(function() object[name] = value[2] end)
      if not ok then assert(not run.judge.error(err), tostring(err)) end
    end
  end

  local function walk(kind, names, check)
    for _, name in ipairs(names) do
      for _, value in ipairs(run.values) do
        run.case(("%s.%s = %s"):format(kind, name, value[1]), function() return check(assign(name, value)) end)
      end
    end
  end

  local function assign_to_other(one, name, value)
    local object = one.make()
    assign(name, value)(object)
    local ok, result = pcall(one.use, object)
    run.turns()
    if ok then run.dispose(result) end
    run.turns()
    return not ok and run.judge.error(result) or nil
  end

  for _, kind in ipairs(sorted(OTHERS)) do
    local one = OTHERS[kind]
    for _, name in ipairs(one.names) do
      for _, value in ipairs(run.values) do
        run.case(("%s.%s = %s"):format(kind, name, value[1]), function() return assign_to_other(one, name, value) end)
      end
    end
  end

  walk("server", SERVER, function(set) return judge(echo(set, run.nothing, run.nothing)) end)
  walk("client", SOCKET, function(set) return judge(echo(run.nothing, set, run.nothing)) end)
  walk("server's socket", SOCKET, function(set) return judge(echo(run.nothing, run.nothing, set)) end)
end

-- Every method of every object, in several states of it, each of its arguments.
local certs = require "spec.support.certs"
local co = require "tls.co"
local net = require "tls.net"
local tls = require "tls"
local uv = require "luv"

local key = { key = certs.ecdsa.key, cert = certs.ecdsa.cert }

-- Arguments that a method works with.
local GOOD = {
  on = { "x", function() end }, emit = { "x", 1 }, listenerCount = { "x", function() end }, write = { "x", "utf8" },
  finish = { "x", "utf8" }, ["end"] = { "x", "utf8" }, unshift = { "x", "utf8" }, setTimeout = { 1000, function() end },
  exportKeyingMaterial = { 32, "label", "context" }, renegotiate = { {}, function() end },
  addContext = { "a.test", key }, setKeepAlive = { true, 1000 }, addRange = { "1.1.1.1", "1.1.1.9", "ipv4" },
  addAddress = { "1.1.1.1", "ipv4" }, addSubnet = { "1.1.1.0", 24, "ipv4" }, check = { "1.1.1.1", "ipv4" },
  checkHost = { "localhost", {} }, checkEmail = { "a@b.test", {} }, checkPrivateKey = { certs.ecdsa.key, "x" },
  listen = { { port = 0, host = "127.0.0.1" }, function() end },
  connect = { { port = 1, host = "127.0.0.1" }, function() end },
  verify = { certs.ecdsa.key },
}
for _, name in ipairs { "once", "addListener", "prependListener", "prependOnceListener", "off", "removeListener" } do
  GOOD[name] = GOOD.on
end

local function keep_alive(object)
  object:on("error", function() end)
  return object
end

-- A client and a server's socket that have shaken hands.
local function connected()
  local theirs, client
  local server = tls.createServer(key, function(socket) theirs = keep_alive(socket) end)
  keep_alive(server):listen(0, "127.0.0.1", function()
    client = keep_alive(tls.connect { port = server:address().port, ca = certs.ca.cert, servername = "localhost" })
  end)
  while not (theirs and client and client.authorized) do uv.run "once" end
  return client, theirs, server
end

local function plain_connected()
  local theirs, client
  local server = keep_alive(net.createServer(function(socket) theirs = keep_alive(socket) end))
  server:listen(0, "127.0.0.1", function()
    client = keep_alive(net.connect(server:address().port, "127.0.0.1"))
  end)
  while not (theirs and client and not client.connecting) do uv.run "once" end
  return client, theirs, server
end

local function listening(server)
  keep_alive(server):listen(0, "127.0.0.1")
  while not server.listening do uv.run "once" end
  return server
end

local function closed(object)
  local done = false
  object:on("close", function() done = true end)
  if object.destroy then object:destroy() else object:close() end
  while not done do uv.run "once" end
  return object
end

-- name -> makes one: the object, its class in lua/tls/types, and what is to be ended with it
local OBJECTS = {
  ["net.Socket, new"] = function() return keep_alive(net.Socket()), "Socket" end,
  ["net.Socket, connected"] = function()
    local a, b, server = plain_connected()
    return a, "Socket", { b, server }
  end,
  ["net.Socket, closed"] = function() return closed(keep_alive(net.Socket())), "Socket" end,
  ["tls.TLSSocket, new"] = function() return keep_alive(tls.TLSSocket()), "TLSSocket" end,
  ["tls.TLSSocket, a client's"] = function()
    local a, b, server = connected()
    return a, "TLSSocket", { b, server }
  end,
  ["tls.TLSSocket, a server's"] = function()
    local a, b, server = connected()
    return b, "TLSSocket", { a, server }
  end,
  ["tls.TLSSocket, closed"] = function()
    local a, b, server = connected()
    return closed(a), "TLSSocket", { b, server }
  end,
  ["net.Server, new"] = function() return keep_alive(net.createServer()), "Server" end,
  ["net.Server, listening"] = function() return listening(net.createServer()), "Server" end,
  ["tls.Server, new"] = function() return keep_alive(tls.createServer(key)), "TLSServer" end,
  ["tls.Server, listening"] = function() return listening(tls.createServer(key)), "TLSServer" end,
  ["tls.Server, closed"] = function() return closed(listening(tls.createServer(key))), "TLSServer" end,
  ["SecureContext"] = function() return tls.createSecureContext(key), "SecureContext" end,
  ["X509Certificate"] = function() return tls.X509Certificate(certs.ecdsa.cert), "X509Certificate" end,
  ["net.BlockList"] = function() return net.BlockList(), "BlockList" end,
  ["AbortController"] = function() return net.AbortController(), "AbortController" end,
  ["AbortSignal"] = function() return net.AbortController().signal, "AbortSignal" end,
  ["SecurePair"] = function()
    local pair = tls.createSecurePair(tls.createSecureContext(key), true)
    keep_alive(pair) keep_alive(pair.cleartext) keep_alive(pair.encrypted)
    return pair, "SecurePair"
  end,
  ["CryptoStream"] = function()
    local pair = tls.createSecurePair(tls.createSecureContext(key), true)
    keep_alive(pair) keep_alive(pair.cleartext) keep_alive(pair.encrypted)
    return pair.encrypted, "Stream", { pair }
  end,
  ["OCSPStapler"] = function()
    local server = tls.createServer(key)
    return keep_alive(tls.ocsp.staple(server, {})), "OCSPStapler"
  end,
  ["co.Socket"] = function()
    local a, b, server = plain_connected()
    return co.wrap(a), "co", { b, server }
  end,
}

local PARENTS = {
  TLSSocket = "Socket", Socket = "Stream", Stream = "Emitter", TLSServer = "Server", Server = "Emitter",
}

-- Nonsense that is taken, and why: "method argument".
local EVENT = "anything may be the name of an event, as in Node a string or a symbol"
local TRUTH = "anything is on or off, by its truth, as in Node"
local TAKEN = {
  ["getPeerCertificate detailed"] = TRUTH, ["unpipe destination"] = "an object may be a userdata",
  ["setNoDelay on"] = TRUTH, ["setKeepAlive on"] = TRUTH,
  ["emit event"] = EVENT, ["listenerCount event"] = EVENT, ["listeners event"] = EVENT, ["rawListeners event"] = EVENT,
  ["removeAllListeners event"] = EVENT,
}

local function sorted(map)
  local list = {}
  for name in pairs(map) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- The public methods of an object: of its class, or of the methods of a userdata.
local function methods_of(object)
  local names = {}
  local source = type(object) == "table" and object._class or nil
  local meta = getmetatable(object)
  if not source and type(meta) == "table" then
    source = type(meta.__index) == "table" and meta.__index or meta.__methods
  end
  for name, fn in pairs(source or {}) do
    if type(name) == "string" and type(fn) == "function" and not name:find "^_" and name ~= "new" then
      names[name] = true
    end
  end
  return sorted(names)
end

local X509 = { "checkHost", "checkEmail", "checkIP", "checkIssued", "verify", "checkPrivateKey", "toString",
  "toLegacyObject" }
local CO = { "read", "read_until", "read_some", "lines", "write", "flush", "finish", "close", "settimeout" }

local LISTENERS = { on = true, once = true, addListener = true, prependListener = true, prependOnceListener = true,
  off = true, removeListener = true }

local function param_of(types, class, name, i)
  while class do
    local found = types[class .. ":" .. name]
    if found then return not found.overloads and found[i] or nil end
    class = PARENTS[class]
  end
  if LISTENERS[name] then
    return ({ { name = "event", type = "any" }, { name = "listener", type = "function" } })[i]
  end
  return nil
end

return function(run)
  local types = run.judge.read_types { "socket", "server", "stream", "emitter", "values", "net", "ocsp" }
  uv.chdir(run.tmp)

  local function call(object, class, name, i, value)
    local good, args = GOOD[name] or {}, {}
    for k = 1, 4 do args[k] = good[k] end
    args[i] = value[2]
    local function method() return object[name](object, args[1], args[2], args[3], args[4]) end
    local ok, result
    if class == "co" then
      local task = co.run(function() ok, result = pcall(method) end)
      run.turns()
      task:cancel()
      if ok == nil then return nil end -- it waits
    else
      ok, result = pcall(method)
    end
    if ok and result ~= object then run.hear(result) end
    run.turns()
    if not ok then
      if name == "emit" and i > 1 then return nil end -- the listener's, or the 'error' itself
      return run.judge.error(result)
    end
    if type(result) == "table" and type(rawget(result, "code")) == "string" then return run.judge.error(result) end
    local param = param_of(types, class, name, i)
    if not param or TAKEN[name .. " " .. param.name] then return nil end
    if value[2] == false and param.name == "encoding" then return nil end -- stands for none
    local taken = run.judge.is_nonsense(value[2], param.type, param.optional)
    return taken and ("%s is taken for %s (%s)"):format(value[1], param.name, param.type) or nil
  end

  local function is_spent(object)
    return type(object) == "table" and (object.destroyed or object._events == nil)
  end

  local function walk(label, make)
    local object, class, rest
    local function fresh()
      for _, other in ipairs(rest or {}) do run.dispose(other) end
      if object ~= nil and class ~= "co" then run.dispose(object) end
      run.turns()
      object, class, rest = make()
    end
    fresh()
    local names = class == "X509Certificate" and X509 or class == "co" and CO or methods_of(object)
    local was_spent = is_spent(object)
    for _, name in ipairs(names) do
      for i = 1, 3 do
        local used = true
        for _, value in ipairs(run.values) do
          run.case(("%s:%s #%d = %s"):format(label, name, i, value[1]), function()
            if used or is_spent(object) and not was_spent or class == "co" then fresh() used = false end
            if object.on then object:on("error", run.nothing) end
            return call(object, class, name, i, value)
          end)
        end
      end
    end
    fresh()
    for _, other in ipairs(rest or {}) do run.dispose(other) end
    if class ~= "co" then run.dispose(object) end
  end

  for _, label in ipairs(sorted(OBJECTS)) do walk(label, OBJECTS[label]) end
end

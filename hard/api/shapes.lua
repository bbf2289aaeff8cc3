-- Objects of the program's own that are taken for what they look like: destinations of a pipe, streams under TLS, and
-- what goes for a server or an abort signal. Each has what it needs but for one field, which is an odd value; or for
-- one method, which returns or throws it.
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"
local uv = require "luv"

local key = { key = certs.ecdsa.key, cert = certs.ecdsa.cert }

local STREAM = { "on", "once", "prependListener", "removeListener", "off", "emit", "listenerCount", "write", "end",
  "finish", "pause", "resume", "destroy", "resetAndDestroy", "destroyed", "closed", "readableEnded", "writableEnded",
  "writableNeedDrain", "allowHalfOpen", "setNoDelay", "setKeepAlive", "ref", "unref", "localAddress", "localPort",
  "remoteAddress", "remotePort", "localFamily", "remoteFamily" }
local SERVER = { "emit", "listenerCount", "on", "listening" }
local SIGNAL = { "aborted", "reason", "once", "removeListener", "on" }

-- A stream that keeps what it is given, and says what it is told to.
local function new_stream()
  local stream, listeners = { destroyed = false }, {}
  function stream.on(self, name, listener)
    listeners[name] = listeners[name] or {}
    table.insert(listeners[name], listener)
    return self
  end
  function stream.emit(_, name, ...)
    for _, listener in ipairs(listeners[name] or {}) do listener(...) end
    return listeners[name] ~= nil
  end
  function stream.removeListener() end
  function stream.listenerCount(_, name) return #(listeners[name] or {}) end
  function stream.write() return true end
  stream["end"] = function() end
  stream.once, stream.off = stream.on, stream.removeListener
  for _, name in ipairs { "finish", "pause", "resume", "destroy" } do stream[name] = stream["end"] end
  return stream, function(name, ...)
    for _, listener in ipairs(listeners[name] or {}) do listener(...) end
  end
end

local function quiet(object)
  object:on("error", function() end)
  return object
end

-- What each thing is given to, and what is done to it then: (thing, say, run).
local USES = {
  ["a pipe's destination"] = { fields = STREAM, make = new_stream, use = function(thing, say)
    local source = quiet(net.Socket())
    source:pipe(thing)
    source:_push "some data" -- as if it had come
    say "drain"
    say "finish"
    source:unpipe(thing)
    source:pipe(thing)
    say("error", { code = "EPIPE", message = "of the program's own" })
    source:pipe(thing)
    source:_push_eof()
    return source
  end },
  ["a stream under a client"] = { fields = STREAM, make = new_stream, use = function(thing, say, run)
    local socket = quiet(tls.connect { socket = thing, servername = "localhost" })
    run.turns()
    say("data", "\21\3\3\0\2\2\40")
    say "drain"
    say "end"
    say "close"
    return socket
  end },
  ["a stream under a server"] = { fields = STREAM, make = new_stream, use = function(thing, say, run)
    local server = quiet(tls.createServer(key))
    server:emit("connection", thing)
    run.turns()
    say("data", "GET / HTTP/1.0\r\n\r\n")
    say "end"
    say "finish"
    say("error", { code = "EPIPE", message = "of the program's own" })
    say "close"
    return server
  end },
  ["a TLSSocket's server"] = { fields = SERVER, make = new_stream, calls_throw = true, use = function(thing)
    local client, socket, refused
    local server = quiet(net.createServer(function(plain)
      local options = { isServer = true, key = key.key, cert = key.cert, server = thing }
      options.secureOptions = 0x4000 -- SSL_OP_NO_TICKET: sessions go to 'newSession'
      local ok, made = pcall(tls.TLSSocket, plain, options)
      if not ok then
        refused = made
        return plain:destroy()
      end
      socket = quiet(made)
      for _, event in ipairs { "newSession", "keylog", "earlyData" } do socket:on(event, function() end) end
    end))
    server:listen(0, "127.0.0.1")
    client = quiet(tls.connect { port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert,
      servername = "localhost", ALPNProtocols = { "a" }, requestOCSP = true, maxVersion = "TLSv1.2" })
    local turns = 0 -- one that says that somebody listens, and does not answer, is waited for
    while client.secureConnecting and not client.destroyed and turns < 200 do
      turns = turns + 1
      uv.run "nowait"
    end
    client:destroy()
    if socket then socket:destroy() end
    if refused then
      server:close()
      error(refused, 0)
    end
    return server
  end },
  ["an abort signal"] = { fields = SIGNAL, calls_throw = true, make = function()
    local stream, say = new_stream()
    stream.aborted = false
    return stream, say
  end, use = function(thing, say)
    local socket = quiet(net.Socket { signal = thing })
    say "abort"
    return socket
  end },
}

local function sorted(map)
  local list = {}
  for name in pairs(map) do list[#list + 1] = name end
  table.sort(list)
  return list
end

return function(run)
  local function call(use, thing, say)
    local ok, result = pcall(use, thing, say, run)
    local looped, wrong = pcall(run.turns, 5)
    if ok then run.dispose(result) end
    local ended, late = pcall(run.turns, 5)
    if not ok then return run.judge.error(result) end
    if not looped then return "out of the loop: " .. tostring(wrong) end
    if not ended then return "out of the loop, at its end: " .. tostring(late) end
    return nil
  end

  -- An error that the thing itself has thrown, in the loop, is the program's.
  local function throws(use, thing, say)
    local fault = call(use, thing, say)
    return fault and not fault:find("of the program's own", 1, true) and fault or nil
  end

  for _, name in ipairs(sorted(USES)) do
    local one = USES[name]
    for _, field in ipairs(one.fields) do
      for _, value in ipairs(run.values) do
        run.case(("%s: %s = %s"):format(name, field, value[1]), function()
          local thing, say = one.make()
          thing[field] = value[2]
          return call(one.use, thing, say)
        end)
        run.case(("%s: %s returns %s"):format(name, field, value[1]), function()
          local thing, say = one.make()
          thing[field] = function() return value[2] end
          return call(one.use, thing, say)
        end)
      end
      if not one.calls_throw then -- it throws at who has called it, as a listener does
        run.case(("%s: %s throws"):format(name, field), function()
          local thing, say = one.make()
          thing[field] = function() error("of the program's own", 0) end
          return throws(one.use, thing, say)
        end)
      end
    end
  end
  uv.run "nowait"
end

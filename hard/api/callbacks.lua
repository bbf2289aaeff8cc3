-- What the user's callbacks answer, and throw: each odd value, in a handshake of its own. It works, or ends with an
-- error table and one 'close' on each side; nobody is trusted for it.
local certs = require "spec.support.certs"
local tls = require "tls"
local run_loop = require "hard.api.loop"

local PSK = { ciphers = "PSK+HIGH:TLS_AES_128_GCM_SHA256" }
local LIMIT = 20000 -- ms

local function merged(...)
  local all = {}
  for _, options in ipairs { ... } do
    for name, value in pairs(options) do all[name] = value end
  end
  return all
end

-- name -> options for the server and the client in which answer(value) is the callback; `may_work`: whether there is a
-- value with which it works.
local function returns(name, side, more)
  return function(value, throw)
    local options = merged(more or {}, { [name] = function()
      if throw then error(value, 0) end
      return value
    end })
    return side == "server" and options or {}, side == "client" and options or {}
  end
end

local function calls_back(name, side, more, position)
  return function(value, throw)
    local options = merged(more or {}, { [name] = function(...)
      if throw then error(value, 0) end
      local callback = select(position, ...)
      if position == 2 then return callback(nil, value) end
      return callback(value)
    end })
    return side == "server" and options or {}, side == "client" and options or {}
  end
end

local AGENT = { cert = certs.agent.cert, key = certs.agent.key }
local ASKS = { requestCert = true, rejectUnauthorized = true, ca = certs.ca.cert }

local CALLBACKS = {
  ["SNICallback's context"] = calls_back("SNICallback", "server", nil, 2),
  ["SNICallback's error"] = function(value, throw)
    return { SNICallback = function(_, callback)
      if throw then error(value, 0) end
      callback(value)
    end }, {}
  end,
  ["ALPNCallback"] = function(value, throw)
    local server = returns("ALPNCallback", "server")(value, throw)
    return server, { ALPNProtocols = { "x", "1" } }
  end,
  ["checkServerIdentity"] = returns("checkServerIdentity", "client"),
  ["a client's verify"] = calls_back("verify", "client", nil, 3),
  ["a server's verify"] = function(value, throw)
    local server = calls_back("verify", "server", ASKS, 3)(value, throw)
    return server, AGENT
  end,
  ["a client's pskCallback"] = function(value, throw)
    local _, client = returns("pskCallback", "client", PSK)(value, throw)
    return merged(PSK, { pskCallback = function() return ("k"):rep(32) end }), client
  end,
  ["a client's psk"] = function(value)
    return merged(PSK, { pskCallback = function() return ("k"):rep(32) end }),
      merged(PSK, { pskCallback = function() return { psk = value, identity = "me" } end })
  end,
  ["a client's identity"] = function(value)
    return merged(PSK, { pskCallback = function() return ("k"):rep(32) end }),
      merged(PSK, { pskCallback = function() return { psk = ("k"):rep(32), identity = value } end })
  end,
  ["a server's pskCallback"] = function(value, throw)
    local server = returns("pskCallback", "server", PSK)(value, throw)
    return server, merged(PSK, { pskCallback = function() return { psk = ("k"):rep(32), identity = "me" } end })
  end,
  ["lookup's answer"] = function(value, throw)
    return {}, { host = "name.test", lookup = function(_, _, callback)
      if throw then error(value, 0) end
      callback(nil, value, 4)
    end }
  end,
  ["lookup's family"] = function(value)
    return {}, { host = "name.test", lookup = function(_, _, callback) callback(nil, "127.0.0.1", value) end }
  end,
  ["lookup's error"] = function(value)
    return {}, { host = "name.test", lookup = function(_, _, callback) callback(value) end }
  end,
}

-- Tables that callbacks are given, and in which each field is assigned: what they hold is the callback's own. How one
-- is given: (take) -> options for the server and the client, and what prepares the server.
local GIVEN = {
  ["clientHello's info"] = function(take)
    return {}, { ALPNProtocols = { "x", "1" } }, function(server)
      server:on("clientHello", function(info, answer)
        take(info)
        answer()
      end)
    end
  end,
  ["ALPNCallback's info"] = function(take)
    return { ALPNCallback = function(info)
      take(info)
      return "1"
    end }, { ALPNProtocols = { "x", "1" } }
  end,
  ["checkServerIdentity's certificate"] = function(take)
    return {}, { checkServerIdentity = function(_, cert) take(cert) end }
  end,
  ["verify's chain"] = function(take)
    return {}, { verify = function(chain, _, answer)
      take(chain[1])
      take(chain)
      answer()
    end }
  end,
  ["verify's verdict"] = function(take)
    return {}, { ca = {}, verify = function(_, verdict, answer)
      take(verdict)
      answer(nil, true)
    end }
  end,
  ["lookup's options"] = function(take)
    return {}, { host = "name.test", lookup = function(_, options, answer)
      take(options)
      answer(nil, "127.0.0.1", 4)
    end }
  end,
}

local function names_of(object)
  local list = {}
  for name in pairs(object) do list[#list + 1] = name end
  return list
end

-- Each field of a table that was given, and of the lists in it, becomes this value.
local function assign_to_all(object, value)
  for _, name in ipairs(names_of(object)) do
    local list = object[name]
    if type(list) == "table" then
      for i = 1, #list + 1 do list[i] = value end
    end
    object[name] = value
  end
end

-- Answers of a server's events: (value, throw) -> a function that prepares the server, and the client's options.
local EVENTS = {
  OCSPRequest = { requestOCSP = true }, newSession = {}, resumeSession = { maxVersion = "TLSv1.2" }, clientHello = {},
}

local function connection(server_options, client_options, prepare)
  local seen = { client_closed = 0, errors = {}, authorized = false, accepted = 0, closed = 0 }
  local key = { key = certs.ecdsa.key, cert = certs.ecdsa.cert }
  local server = tls.createServer(merged(key, server_options), function(socket)
    seen.accepted = seen.accepted + 1
    socket:on("error", function(err) seen.errors[#seen.errors + 1] = err end)
    socket:on("close", function() seen.closed = seen.closed + 1 end)
    socket:resume()
    socket:finish "x"
  end)
  server:on("tlsClientError", function(err) seen.errors[#seen.errors + 1] = err end)
  if prepare then prepare(server) end
  server:listen(0, "127.0.0.1", function()
    local options = merged({ port = server:address().port, host = "127.0.0.1", servername = "localhost",
      ca = certs.ca.cert }, client_options)
    local client = tls.connect(options, function() seen.authorized = true end)
    client:on("error", function(err) seen.errors[#seen.errors + 1] = err end)
    client:on("data", function(data) seen.data = data end)
    client:on("close", function()
      seen.client_closed = seen.client_closed + 1
      server:close()
    end)
  end)
  return seen, run_loop(LIMIT)
end

local function sorted(map)
  local list = {}
  for name in pairs(map) do list[#list + 1] = name end
  table.sort(list)
  return list
end

return function(run)
  -- The value itself may be the error: what is a table passes through.
  local function judge_error(err, value)
    if rawequal(err, value) then return nil end
    return run.judge.error(err)
  end

  local function judge(seen, wrong, value)
    if wrong then return wrong end
    if seen.client_closed ~= 1 then return seen.client_closed .. " x 'close' of the client" end
    if seen.accepted ~= seen.closed then return "a server's socket without 'close'" end
    for _, err in ipairs(seen.errors) do
      local fault = judge_error(err, value)
      if fault then return fault end
    end
    if not seen.authorized and #seen.errors == 0 then return "neither connected nor an error" end
    return nil
  end

  local function try(label, value, server, client, prepare)
    run.case(label, function()
      local seen, wrong = connection(server, client, prepare)
      return judge(seen, wrong, value[2])
    end)
  end

  for _, name in ipairs(sorted(CALLBACKS)) do
    for _, throw in ipairs { false, true } do
      for _, value in ipairs(run.values) do
        local server, client = CALLBACKS[name](value[2], throw)
        try(("%s %s %s"):format(name, throw and "throws" or "is", value[1]), value, server, client)
      end
    end
  end

  for _, name in ipairs(sorted(GIVEN)) do
    for _, value in ipairs(run.values) do
      run.case(("%s is all %s"):format(name, value[1]), function()
        local taken = false
        local server, client, prepare = GIVEN[name](function(object)
          taken = true
          assign_to_all(object, value[2])
        end)
        local seen, wrong = connection(server, client, prepare)
        if not taken then wrong = "it was not called" end
        if seen.errors[1] then wrong = wrong or "it has an error: " .. tostring(seen.errors[1]) end
        return judge(seen, wrong, value[2])
      end)
    end
  end

  for _, event in ipairs(sorted(EVENTS)) do
    for _, throw in ipairs { false, true } do
      for _, value in ipairs(run.values) do
        try(("'%s' %s %s"):format(event, throw and "throws" or "is answered by", value[1]), value, {}, EVENTS[event],
          function(server)
            server:on(event, function(...)
              if throw then error(value[2], 0) end
              for i = 1, select("#", ...) do
                local callback = select(i, ...)
                if type(callback) == "function" then callback(nil, value[2]) end
              end
            end)
          end)
      end
    end
  end
end

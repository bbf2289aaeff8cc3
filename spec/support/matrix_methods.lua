-- What the matrix does to a TLSSocket: every method with sensible arguments, every property, and some sequences of
-- calls. The names come from the class; `unlisted` tells which of them have no entry here.
--
--   questions    leave the connection as it is: all of them, and all properties, are asked in one act
--   settings     leave it as it is for the peer: all of them are made in one act
--   calls        change something: each is an act of its own
--   sequences    calls that meet each other
--   throws       for callbacks that are asked: what they throw, with and without destroy() before it
local uv = require "luv"
local tls = require "tls"

local methods = {}

-- name -> types of the answer, arguments. GONE: the answer is nil once the socket is destroyed.
local GONE = true

methods.questions = {
  address = { "table" },
  eventNames = { "table" },
  exportKeyingMaterial = { "string nil", GONE, 20, "EXPORTER-matrix" },
  getCertificate = { "table nil", GONE },
  getCipher = { "table nil", GONE },
  getEch = { "table nil", GONE },
  getEphemeralKeyInfo = { "table nil", GONE },
  getFinished = { "string nil", GONE },
  getGroup = { "string nil", GONE },
  getHandshakeRtt = { "number nil", GONE },
  getPeerPublicKey = { "string nil", GONE },
  getMaxListeners = { "number" },
  getPeerCertificate = { "table nil", GONE, true },
  getPeerFinished = { "string nil", GONE },
  getPeerX509Certificate = { "userdata nil", GONE },
  getProtocol = { "string nil", GONE },
  getSession = { "string nil", GONE },
  getSharedSigalgs = { "table nil", GONE },
  getTLSTicket = { "string nil", GONE },
  getX509Certificate = { "userdata nil", GONE },
  isPaused = { "boolean" },
  isSessionReused = { "boolean nil", GONE },
  listenerCount = { "number", false, "data" },
  listeners = { "table", false, "close" },
  rawListeners = { "table", false, "close" },
}

-- What a ServerHello decides. Before it there is nothing to tell, whatever session the client offers.
methods.negotiated = { getCipher = true, getEphemeralKeyInfo = true, getGroup = true, getProtocol = true }

methods.properties = {
  allowHalfOpen = "boolean", alpnProtocol = "string boolean nil", authorized = "boolean",
  authorizationError = "string nil", bufferSize = "number nil",
  bytesRead = "number", bytesWritten = "number", closed = "boolean", connecting = "boolean",
  defaultMaxListeners = "number",
  encrypted = "boolean", localAddress = "string nil", localFamily = "string nil", localPort = "number nil",
  npnProtocol = "string boolean nil", pending = "boolean", readable = "boolean", readableFlowing = "boolean nil",
  readableHighWaterMark = "number", readableLength = "number", readyState = "string", remoteAddress = "string nil",
  remoteFamily = "string nil", remotePort = "number nil", secureConnecting = "boolean",
  servername = "string boolean nil", truncated = "boolean", writable = "boolean", writableCorked = "number",
  writableHighWaterMark = "number", writableLength = "number", writableNeedDrain = "boolean",
}

-- It belongs to the class and makes sockets: nobody calls it on one.
methods.of_the_class = { new = true }

local function nothing() end

local function sink()
  return { on = nothing, removeListener = nothing, write = function() return true end, ["end"] = nothing }
end

local BIG = ("x"):rep(200 * 1024)

local function failure()
  return setmetatable({ code = "EMATRIX", message = "destroyed by the matrix" }, { __tostring = function(e)
    return e.message
  end })
end

-- name -> fun(socket)
methods.settings = {
  addListener = function(s) s:addListener("end", nothing) end,
  emit = function(s) s:emit("an event of the user's", s) end,
  off = function(s) s:off("data", s:listeners "data"[1] or nothing) end,
  on = function(s) s:on("data", nothing):on("keylog", nothing):on("session", nothing) end,
  once = function(s) s:once("resume", nothing) end,
  prependListener = function(s) s:prependListener("data", nothing) end,
  prependOnceListener = function(s) s:prependOnceListener("data", nothing) end,
  ref = function(s) s:ref() end,
  removeListener = function(s) s:removeListener("end", s:listeners "end"[1] or nothing) end,
  setKeepAlive = function(s) s:setKeepAlive(true, 1000) end,
  setMaxListeners = function(s) s:setMaxListeners(20) end,
  setNoDelay = function(s) s:setNoDelay() end,
  setTimeout = function(s) s:setTimeout(1):setTimeout(0):setTimeout(1) end,
  unref = function(s) s:unref() end,
}

-- name -> label -> fun(socket, case)
methods.calls = {
  destroy = {
    [""] = function(s) s:destroy() end,
    ["with an error"] = function(s) s:destroy(failure()) end,
    ["with a string"] = function(s) s:destroy "a string" end,
  },
  destroySoon = { [""] = function(s) s:destroySoon() end },
  resetAndDestroy = { [""] = function(s) s:resetAndDestroy() end },
  finish = {
    [""] = function(s) s:finish() end,
    ["with data"] = function(s, case) s:finish("last", case:callback "finish") end,
  },
  ["end"] = { [""] = function(s) s["end"](s) end },
  write = {
    [""] = function(s) s:write "x" end,
    ["nothing"] = function(s, case) s:write("", case:callback "write") end,
    ["much"] = function(s, case) s:write(BIG, case:callback "write") end,
  },
  cork = { [""] = function(s)
    s:cork()
    s:write "corked"
  end },
  uncork = { [""] = function(s) s:uncork() end },
  pause = { [""] = function(s) s:pause() end },
  resume = { [""] = function(s) s:resume() end },
  read = { [""] = function(s) s:read() end, ["3"] = function(s) s:read(3) end },
  unshift = { [""] = function(s) s:unshift "before" end },
  setEncoding = { [""] = function(s) s:setEncoding "utf8" end },
  setDefaultEncoding = { [""] = function(s) s:setDefaultEncoding "hex" end },
  pipe = {
    ["to itself"] = function(s) s:pipe(s) end,
    ["to something else"] = function(s) s:pipe(sink()) end,
  },
  unpipe = { [""] = function(s) s:unpipe() end },
  removeAllListeners = {
    ["data"] = function(s) s:removeAllListeners "data" end,
    ["all"] = function(s, case)
      s:removeAllListeners()
      case:watch_again(s)
    end,
  },
  connect = { [""] = function(s, case) case:connect_again(s) end },
  setServername = { [""] = function(s) s:setServername "other.example.test" end },
  setSession = {
    [""] = function(s, case) s:setSession(case:any_session()) end,
    ["that is none"] = function(s) s:setSession "no session" end,
  },
  setKeyCert = {
    ["a context"] = function(s, case) s:setKeyCert(case:other_context()) end,
    ["the options of one"] = function(s, case) s:setKeyCert(case:credentials()) end,
  },
  setMaxSendFragment = { [""] = function(s) s:setMaxSendFragment(512) end },
  enableTrace = { [""] = function(s) s:enableTrace() end },
  disableRenegotiation = { [""] = function(s) s:disableRenegotiation() end },
  renegotiate = {
    [""] = function(s) s:renegotiate {} end,
    ["for a certificate"] = function(s) s:renegotiate({ requestCert = true, rejectUnauthorized = true }, nothing) end,
  },
  updateKeys = { [""] = function(s) s:updateKeys() end },
}

methods.sequences = {
  ["listen to 'readable'"] = function(s) s:on("readable", nothing) end,
  ["collect garbage"] = function()
    collectgarbage()
    collectgarbage()
  end,
  ["finish, write"] = function(s, case)
    s:finish()
    s:write("too late", case:callback "write")
  end,
  ["write, destroy"] = function(s, case)
    s:write(BIG, case:callback "write")
    s:destroy()
  end,
  ["destroy, write"] = function(s, case)
    s:destroy()
    s:write("too late", case:callback "write")
  end,
  ["destroy, collect, ask everything"] = function(s, case)
    s:destroy()
    collectgarbage()
    methods.ask_everything(s, case)
  end,
  ["destroy, connect"] = function(s, case)
    s:destroy()
    case:connect_again(s)
  end,
  ["destroy, renegotiate, updateKeys"] = function(s)
    s:destroy()
    s:renegotiate({}, nothing)
    s:updateKeys()
  end,
  ["write much, destroySoon"] = function(s, case)
    s:write(BIG, case:callback "write")
    s:destroySoon()
  end,
  ["cork, write, uncork"] = function(s)
    s:cork()
    s:write "a"
    s:write "b"
    s:uncork()
  end,
  ["pause, resume"] = function(s) s:pause():resume() end,
  ["pipe, unpipe"] = function(s)
    local to = sink()
    s:pipe(to)
    s:unpipe(to)
  end,
  ["renegotiate, destroy"] = function(s)
    s:renegotiate({}, nothing)
    s:destroy()
  end,
  ["renegotiate, write much"] = function(s, case)
    s:renegotiate({}, nothing)
    s:write(BIG, case:callback "write")
  end,
  ["updateKeys, write, finish"] = function(s, case)
    pcall(s.updateKeys, s)
    s:write "x"
    s:finish("last", case:callback "finish")
  end,
  ["run the loop"] = function()
    for _ = 1, 20 do uv.run "nowait" end
  end,
  ["destroy, run the loop"] = function(s)
    s:destroy()
    for _ = 1, 20 do uv.run "nowait" end
  end,
  ["destroy the other end"] = function(_, case) case:destroy_other() end,
}

-- label -> { destroys first, what is thrown }
methods.throws = {
  ["throw an error"] = { false, failure() },
  ["throw a string"] = { false, "thrown by the matrix" },
  ["throw nil"] = { false, nil },
  ["destroy, throw an error"] = { true, failure() },
  ["destroy, throw a string"] = { true, "thrown by the matrix" },
  ["destroy, throw nil"] = { true, nil },
}

local function names_of(list, into)
  for name in pairs(list) do into[#into + 1] = name end
  table.sort(into)
  return into
end

local function unpack_from(list, first)
  return (table.unpack or unpack)(list, first, #list)
end

local function check_answer(socket, case, name, answer)
  local question = methods.questions[name]
  if question[2] and socket.destroyed and answer ~= nil then
    case:fail("%s() answers %s on a destroyed socket", name, tostring(answer))
  elseif not question[1]:find(type(answer)) then
    case:fail("%s() answers a %s", name, type(answer))
  elseif name == "getProtocol" and answer and answer ~= "TLSv" .. case.version then
    case:fail("%s() answers %s", name, answer)
  elseif name == "exportKeyingMaterial" and socket.secureConnecting then
    case:fail("%s() answers before the handshake", name)
  elseif answer ~= nil and case.moment.early and methods.negotiated[name] then
    case:fail("%s() answers before the ServerHello", name)
  end
end

local function has(socket, name)
  return socket[name] ~= nil
end

--- Every question and every property.
function methods.ask_everything(socket, case)
  for _, name in ipairs(names_of(methods.questions, {})) do
    local arguments = methods.questions[name]
    local ok, answer
    if has(socket, name) then
      ok, answer = case:try(name, socket[name], socket, unpack_from(arguments, 3))
    end
    if ok then check_answer(socket, case, name, answer) end
  end
  for name, kinds in pairs(methods.properties) do
    local ok, value = case:try(name, function() return socket[name] end)
    local plain = socket.encrypted == nil -- a net.Socket has none of TLS's
    if ok and not plain and not kinds:find(type(value)) then case:fail("%s is a %s", name, type(value)) end
  end
end

--- Every setting.
function methods.set_everything(socket, case)
  for _, name in ipairs(names_of(methods.settings, {})) do
    if has(socket, name) then case:try(name, methods.settings[name], socket) end
  end
end

--- The names of the class that have no entry here, and the entries that the class does not have.
function methods.unlisted()
  local class, wrong, known = tls.TLSSocket, {}, {}
  local lists = { methods.questions, methods.settings, methods.calls, methods.properties, methods.of_the_class }
  for _, list in ipairs(lists) do
    for name in pairs(list) do
      known[name] = true
      if class[name] == nil and class.__getters[name] == nil then wrong[#wrong + 1] = name .. ": not in the class" end
    end
  end
  for _, list in ipairs { class, class.__getters } do
    for name in pairs(list) do
      if not name:find "^_" and not known[name] then wrong[#wrong + 1] = name .. ": no entry" end
    end
  end
  table.sort(wrong)
  return wrong
end

--- Every act: { name, run = fun(socket, case), method = what the socket must have, throws, value }.
--- @param asked boolean the moment is a callback that is asked
function methods.acts(asked)
  local list = {
    { name = "nothing", run = nothing },
    { name = "ask everything", run = methods.ask_everything },
    { name = "set everything", run = methods.set_everything },
  }
  for _, method in ipairs(names_of(methods.calls, {})) do
    for _, label in ipairs(names_of(methods.calls[method], {})) do
      local name = label == "" and method or method .. " " .. label
      list[#list + 1] = { name = name, run = methods.calls[method][label], method = method }
    end
  end
  for _, name in ipairs(names_of(methods.sequences, {})) do
    local method = name:match "renegotiate" or name:match "updateKeys" or "destroy"
    list[#list + 1] = { name = name, run = methods.sequences[name], method = method }
  end
  for _, name in ipairs(asked and names_of(methods.throws, {}) or {}) do
    local destroys, value = methods.throws[name][1], methods.throws[name][2]
    list[#list + 1] = { name = name, throws = true, value = value, method = "destroy",
      run = destroys and methods.calls.destroy[""] or nothing }
  end
  return list
end

return methods

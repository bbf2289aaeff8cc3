-- Calls every public function with a colon and every public method with a dot, with all kinds of first arguments, and
-- prints each call that is not explained by the error it throws. At the end it prints how many calls there were.
local uv = require "luv"
local tls = require "tls"
local net = require "tls.net"
local program = dofile "spec/support/program.lua"

local key, cert = program.read "rsa.key", program.read "rsa.crt"

local calls, wrong = 0, {}

local function expect_error(label, code, text, fn, ...)
  calls = calls + 1
  local ok, err = pcall(fn, ...)
  local shown = ok and "no error" or tostring(err)
  if not ok and type(err) == "table" and err.code == code and shown:find(text, 1, true) then return end
  wrong[#wrong + 1] = label .. ": " .. shown
end

-- === functions, which are called with a dot ===

local function call_with_colon(owner, name, fn)
  local text = ("call %s(...) with a dot, not a colon"):format(name)
  for _, more in ipairs { {}, { {} }, { "x" }, { print } } do
    expect_error(name, "ERR_INVALID_ARG_TYPE", text, fn, owner, more[1])
  end
end

local STATICS = { new = true, isBlockList = true, isSocketAddress = true, parse = true }

local function public(name) return type(name) == "string" and not name:find "^_" end

local function is_callable(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(value) == "function" or type(meta) == "table" and meta.__call ~= nil
end

local function walk_class(class, name)
  for key_of, value in pairs(class) do
    if public(key_of) and STATICS[key_of] then call_with_colon(class, name .. "." .. key_of, value) end
  end
end

local function walk_module(module, module_name)
  for name, value in pairs(module) do
    local full = module_name .. "." .. name
    if is_callable(value) then call_with_colon(module, full, value) end
    if type(value) == "table" and is_callable(value) then walk_class(value, full) end
  end
end

walk_module(tls, "tls")
walk_module(net, "net")

-- === methods, which are called with a colon ===

local function nothing() end

local no_tls = net.BlockList()

-- What stands in the place of the object, each alone and with a text behind it.
-- A socket that is connected has the methods of one that is not: a few are enough.
local function wrong_receivers(of)
  if of.bytesRead and not of.pending then return { { "x" }, { 5 } } end
  local other = of == no_tls and net.AbortController() or no_tls
  return { { "x" }, { {} }, { 5 }, { nothing }, { true }, { other }, { uv.new_tcp() },
    { setmetatable({}, { __index = { write = nothing } }) },
    { setmetatable({}, { __eq = error, __call = error, __tostring = error, __len = error }) } }
end

local function call_with_dot(variable, name, object)
  local text = ("call %s:%s(...) with a colon, not a dot"):format(variable, name)
  local label = variable .. "." .. name
  expect_error(label, "ERR_INVALID_THIS", text, object[name])
  expect_error(label, "ERR_INVALID_THIS", text, object[name], nil, "text")
  for _, receiver in ipairs(wrong_receivers(object)) do
    expect_error(label, "ERR_INVALID_THIS", text, object[name], receiver[1])
    expect_error(label, "ERR_INVALID_THIS", text, object[name], receiver[1], "text")
  end
end

-- The methods of an object: of its class, of its metatable, and those that it has for itself.
local function walk_object(variable, object, extra)
  local names, count = {}, 0
  local class = type(object) == "table" and object._class
  for _, list in ipairs { class or {}, type(object) == "table" and object or {}, extra or {} } do
    for name, value in pairs(list) do
      if public(name) and type(value) == "function" and not STATICS[name] then names[name] = true end
    end
  end
  for name in pairs(names) do
    call_with_dot(variable, name, object)
    count = count + 1
  end
  if count == 0 then wrong[#wrong + 1] = variable .. ": no methods" end
end

local context = tls.createSecureContext { key = key, cert = cert }
local controller, pair = net.AbortController(), tls.createSecurePair()
walk_object("blockList", no_tls)
walk_object("controller", controller)
walk_object("signal", controller.signal)
walk_object("pair", pair)
walk_object("socket", pair.cleartext)
walk_object("stream", pair.encrypted)
walk_object("socket", net.Socket())
walk_object("socket", tls.TLSSocket())
walk_object("server", net.Server())
walk_object("context", context, getmetatable(context))
walk_object("cert", tls.X509Certificate(cert), { toString = nothing, toLegacyObject = nothing, checkHost = nothing,
  checkEmail = nothing, checkIP = nothing, checkIssued = nothing, verify = nothing, checkPrivateKey = nothing })
pair:destroy()

-- === connected sockets, and one that a TLSSocket has taken over ===

local function use_in_other_ways(socket)
  net.Socket.pause(socket)
  tls.TLSSocket.resume(socket)
  local proxy = setmetatable({}, { __index = socket })
  local computed = setmetatable({}, { __index = function(_, name) return socket[name] end, __metatable = "hidden" })
  assert(proxy:listenerCount "data" == socket:listenerCount "data" and proxy:address().port)
  assert(computed:listenerCount "data" == socket:listenerCount "data")
  assert(net.Socket.write(socket, "one") and socket:write "two" and proxy:write "three")
end

local server = tls.createServer({ key = key, cert = cert }, function(socket)
  walk_object("socket", socket)
  local text = ""
  socket:on("data", function(data)
    text = text .. data
    if text == "onetwothree" then socket:finish() end
  end)
end)
walk_object("server", server)

server:listen(0, "127.0.0.1", function()
  local plain = net.connect(server:address().port, "127.0.0.1")
  plain:on("connect", function()
    local client = tls.TLSSocket(plain, { ca = program.read "ca.crt" })
    client:on("secure", function()
      walk_object("socket", plain)
      walk_object("socket", client)
      use_in_other_ways(client)
    end)
    client:on("error", function(err) wrong[#wrong + 1] = "client: " .. tostring(err) end)
    client:on("close", function() server:close() end)
    client:resume()
  end)
end)

uv.run()
table.sort(wrong)
for _, line in ipairs(wrong) do print(line) end
print(("%d calls, %d not explained"):format(calls, #wrong))

-- Every declared option of every function: see spec/options/values_spec.lua, which gives some of these values, too.
-- Here what is of no type that the option names has to be an error.
local certs = require "spec.support.certs"
local declaration = require "tls.options.declaration"
local net = require "tls.net"
local tls = require "tls"
local co = require "tls.co"
local uv = require "luv"
require "tls.options.stream"

local key = { key = certs.ecdsa.key, cert = certs.ecdsa.cert }

local function with_place(fn)
  return function(options)
    if options.port == nil then options.port = 1 end
    if options.host == nil then options.host = "127.0.0.1" end
    return fn(options)
  end
end

local function on(make, method, second)
  return function(options)
    local object = make()
    object:on("error", function() end)
    if second then return object[method](object, second(), options) end
    return object[method](object, options)
  end
end

local function in_task(fn)
  return function(options)
    local ok, result
    local task = co.run(function() ok, result = pcall(fn, options) end)
    uv.run "nowait"
    task:cancel()
    if ok == false then error(result, 0) end
    return nil
  end
end

local function listen(options)
  local server = net.createServer()
  server:on("error", function() end)
  if options.host == nil then options.host = "127.0.0.2" end
  local somewhere = options.path ~= nil or options.fd ~= nil or options.handle ~= nil
  if options.port == nil and not somewhere then options.port = 0 end
  return server:listen(options)
end

local function bind(options)
  if options.port == nil then options.port = 0 end
  local handle = net.bind(options)
  if handle then handle:close() end
end

local function new_server() return tls.createServer(key) end
local certificate = tls.X509Certificate(certs.ecdsa.cert)

local CALLS = {
  ["tls.connect"] = with_place(tls.connect), ["net.connect"] = with_place(net.connect),
  ["tls.createServer"] = tls.createServer, ["net.createServer"] = net.createServer,
  ["tls.createSecureContext"] = tls.createSecureContext, ["net.Socket"] = net.Socket.new,
  ["tls.TLSSocket"] = function(options) return tls.TLSSocket(nil, options) end,
  ["tlsSocket:connect"] = with_place(on(tls.TLSSocket.new, "connect")),
  ["socket:connect"] = with_place(on(net.Socket.new, "connect")),
  ["tlsSocket:renegotiate"] = on(tls.TLSSocket.new, "renegotiate"),
  ["server:addContext"] = function(options) return new_server():addContext("a.test", options) end,
  ["server:setSecureContext"] = function(options) return new_server():setSecureContext(options) end,
  ["server:listen"] = listen, ["net.bind"] = bind, ["tls.CryptoStream"] = tls.CryptoStream.new,
  ["stream:pipe"] = on(net.Socket.new, "pipe", net.Socket.new),
  ["tls.ocsp.staple"] = function(options) return tls.ocsp.staple(new_server(), options) end,
  ["certificate:checkHost"] = function(options) return certificate:checkHost("localhost", options) end,
  ["certificate:checkEmail"] = function(options) return certificate:checkEmail("a@b.test", options) end,
  ["co.connect"] = in_task(with_place(co.connect)),
  ["co.listen"] = in_task(function(options)
    if options.port == nil and options.path == nil and options.fd == nil then options.port = 0 end
    return co.listen(options, function() end)
  end),
  ["socket:starttls"] = in_task(function(options) return co.wrap(net.Socket()):starttls(options) end),
  ["co.wrap"] = in_task(function(options) return co.wrap(net.Socket(), options) end),
}

-- Numbers that are descriptors of this process; files that would be made.
local function is_harmful(option, value)
  if option == "fd" then return type(value) == "number" and value >= 0 and value < 3 end
  local is_text = type(value) == "string" and value ~= ""
  if option == "path" or option == "folder" then return is_text and not value:find "%z" end
  return option == "host" and type(value) == "string" and value:find "^[%w%.]+$" -- it would be looked up
end


return function(run)
  uv.chdir(run.tmp)

  local function call(option, fn, value)
    local name = option[1]
    local ok, result = pcall(fn, { [name] = value[2] })
    tls.debug(false)
    if ok then run.hear(result) end
    run.turns(2)
    if ok then run.dispose(result) end
    run.turns(2)
    if not ok then return run.judge.error(result, value[2] ~= nil and name or nil) end
    local kind = option[2]
    if value[2] == nil or value[2] == false or not kind or not kind.luacats then return nil end
    local taken = run.judge.is_nonsense(value[2], kind.luacats, true)
    return taken and ("%s is taken for %s"):format(value[1], kind.luacats) or nil
  end

  for _, declared in ipairs(declaration.all()) do
    local fn = CALLS[declared.name]
    for _, option in ipairs(declared.list) do
      for _, value in ipairs(run.values) do
        if not is_harmful(option[1], value[2]) then
          run.case(("%s { %s = %s }"):format(declared.name, option[1], value[1]), function()
            if not fn then return "hard/api/options.lua does not know how to call it" end
            return call(option, fn, value)
          end)
        end
      end
    end
  end
end

-- Every option of every function is given every kind of value: it is taken, or it is an error at the call that has a
-- code and names the option. Nothing is left to end the process later.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local declaration = require "tls.options.declaration"
local net = require "tls.net"
local tls = require "tls"
require "tls.options.stream"

local uv = helper.uv

local NAN = 0 / 0

local VALUES = {
  true, false, 0, 1, -1, 1.5, 2 ^ 31, 2 ^ 53, 1e300, -1e300, math.huge, NAN, "", "x", "1", "\0", "a\0b",
  ("x"):rep(70000), {}, { "x" }, { 1 }, { {} }, { x = 1 }, { false }, function() end,
  coroutine.create(function() end), io.stderr,
}

local function show(value)
  local text = tostring(value)
  return type(value) == "string" and ("%q"):format(#text > 10 and text:sub(1, 10) .. "..." or text) or text
end

local function dispose(object)
  if type(object) ~= "table" then return end
  if object.destroy then
    object:on("error", function() end)
    object:destroy()
  elseif object.close then
    object:on("error", function() end)
    object:close()
  elseif object.stop then
    object:stop()
  end
end

-- What is given beside the option, so that the call has a chance.
local function call_connect(connect, options)
  if options.port == nil then options.port = 1 end
  if options.host == nil then options.host = "127.0.0.1" end
  return connect(options)
end

local certificate = tls.X509Certificate(certs.rsa.cert)

local made = {}
local function keep(object)
  made[#made + 1] = object
  return object
end

local calls = {
  ["tls.createSecureContext"] = tls.createSecureContext,
  ["tls.createServer"] = tls.createServer,
  ["tls.connect"] = function(options) return call_connect(tls.connect, options) end,
  ["tls.TLSSocket"] = function(options) return tls.TLSSocket(nil, options) end,
  ["tlsSocket:connect"] = function(options)
    local socket = keep(tls.TLSSocket())
    return call_connect(function(full) return socket:connect(full) end, options)
  end,
  ["tlsSocket:renegotiate"] = function(options) return keep(tls.TLSSocket()):renegotiate(options) end,
  ["server:addContext"] = function(options) return tls.createServer():addContext("a.example", options) end,
  ["server:setSecureContext"] = function(options) return tls.createServer():setSecureContext(options) end,
  ["net.Socket"] = net.Socket.new,
  ["net.connect"] = function(options) return call_connect(net.connect, options) end,
  ["net.createServer"] = net.createServer,
  ["socket:connect"] = function(options)
    local socket = keep(net.Socket())
    return call_connect(function(full) return socket:connect(full) end, options)
  end,
  ["server:listen"] = function(options)
    local server = keep(net.createServer())
    server:on("error", function() end)
    -- an address of its own: other specs expect that nobody listens on port 1 of 127.0.0.1
    if options.host == nil then options.host = "127.0.0.2" end
    local somewhere = options.path ~= nil or options.fd ~= nil or options.handle ~= nil
    if options.port == nil and not somewhere then options.port = 0 end
    return server:listen(options)
  end,
  ["net.bind"] = function(options)
    if options.port == nil then options.port = 0 end
    local handle = net.bind(options)
    if handle then handle:close() end
  end,
  ["tls.CryptoStream"] = tls.CryptoStream.new,
  ["stream:pipe"] = function(options) return keep(net.Socket()):pipe(keep(net.Socket()), options) end,
  ["tls.ocsp.staple"] = function(options)
    return tls.ocsp.staple(tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert, ca = certs.ca.cert }, options)
  end,
  ["certificate:checkHost"] = function(options) return certificate:checkHost("localhost", options) end,
  ["certificate:checkEmail"] = function(options) return certificate:checkEmail("a@localhost", options) end,
}

-- An error of ours; those of the credentials may be OpenSSL's own.
local function check_error(err, where)
  assert(type(err) == "table", where .. ": " .. tostring(err))
  assert(type(err.code) == "string" and err.code:find "^[%u%d_]+$", where .. ": no code")
  assert(type(err.message) == "string" and err.message ~= "", where .. ": no message")
end

local TYPE_ERRORS = { ERR_INVALID_ARG_TYPE = true, ERR_INVALID_ARG_VALUE = true, ERR_OUT_OF_RANGE = true }

describe("each option of", function()
  after_each(function()
    for _, object in ipairs(made) do dispose(object) end
    made = {}
    uv.run()
  end)

  for _, declared in ipairs(declaration.all()) do
    it(declared.name .. " takes a value or throws", function()
      local call = assert(calls[declared.name])
      for _, option in ipairs(declared.list) do
        for i = 1, #VALUES do
          local value = VALUES[i]
          if option[1] == "path" and type(value) == "string" then value = value:find "\0" and value or "" end
          local where = ("%s { %s = %s }"):format(declared.name, option[1], show(value))
          local ok, result = pcall(call, { [option[1]] = value })
          if ok then keep(result) else check_error(result, where) end
          if not ok and TYPE_ERRORS[result.code] then
            assert(result.message:find(option[1], 1, true), where .. ": " .. result.message)
          end
        end
      end
    end)
  end
end)

describe("mistakes that ended the process later, or went unseen:", function()
  local function throws(code, name, fn, ...)
    local ok, err = pcall(fn, ...)
    assert.is_false(ok, name)
    assert.is_table(err)
    assert.equal(code, err.code)
    assert.truthy(err.message:find(name, 1, true), err.message)
  end

  it("numbers, strings and tables in each other's place", function()
    throws("ERR_INVALID_ARG_VALUE", "highWaterMark", tls.connect, { port = 1, highWaterMark = "x" })
    throws("ERR_INVALID_ARG_TYPE", "keepAliveInitialDelay", tls.connect, { port = 1, keepAliveInitialDelay = {} })
    throws("ERR_OUT_OF_RANGE", "keepAliveInitialDelay", net.connect, { port = 1, keepAliveInitialDelay = 1e300 })
    throws("ERR_OUT_OF_RANGE", "autoSelectFamilyAttemptTimeout", net.connect,
      { port = 1, autoSelectFamilyAttemptTimeout = 1e300 })
    throws("ERR_INVALID_ARG_TYPE", "options.host", tls.connect, { port = 1, host = 42 })
    throws("ERR_INVALID_ARG_TYPE", "options.host", net.connect, { port = 1, host = 42 })
    throws("ERR_INVALID_ARG_TYPE", "options.path", tls.connect, { path = {} })
    throws("ERR_INVALID_ARG_TYPE", "options.path", net.connect, { path = {} })
    local server = net.createServer()
    throws("ERR_OUT_OF_RANGE", "options.backlog", server.listen, server, { port = 0, backlog = 1.5 })
  end)

  it("a host that is none, by position", function()
    throws("ERR_INVALID_ARG_TYPE", "options.host", tls.connect, 1, 42)
    throws("ERR_INVALID_ARG_TYPE", "options.host", net.connect, 1, 42)
    throws("ERR_INVALID_ARG_TYPE", "options.host", net.Socket().connect, net.Socket(), 1, 42)
    throws("ERR_INVALID_ARG_TYPE", "callback", net.connect, 1, "localhost", 42)
    throws("ERR_INVALID_ARG_TYPE", "callback", net.connect, { port = 1 }, 42)
    throws("ERR_INVALID_ARG_TYPE", "options", tls.connect, 1, "localhost", 42)
    local server = net.createServer()
    throws("ERR_INVALID_ARG_TYPE", "argument 2", server.listen, server, 0, true)
    throws("ERR_INVALID_ARG_TYPE", "argument 3", server.listen, server, 0, "localhost", {})
    throws("ERR_INVALID_ARG_TYPE", "callback", server.listen, server, { port = 0 }, 5)
  end)
end)

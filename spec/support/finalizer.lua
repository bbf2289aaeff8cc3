-- Run as a program of its own: an object that is older than the module uses it in its finalizer, which the end of the
-- program runs when all of the module's have been run.
--
--   finalizer.lua OLDER     OLDER: 'luv' makes the object before luv is loaded, 'tls' after that
--
-- Prints a line for each use: its name, and the error's code, or "ok", or "error". Certificates: TLS_CERTS is a folder.
local program = require "spec.support.program"

-- LuaJIT 2.1 may run round in a compiled loop for ever when the end of the program runs a finalizer, once in a few
-- hundred runs; never when it compiles nothing.
local jit = rawget(_G, "jit")
if jit then jit.off() end

local read = program.read
local older = arg[1]
local finalize -- set when there is something to use

if older == "tls" then require "luv" end
kept = program.finalized(function() finalize() end) -- luacheck: ignore (a global: until the end)

local uv = require "luv"
local tls = require "tls"
local net = require "tls.net"

local credentials = { key = read "ecdsa.key", cert = read "ecdsa.crt" }
local context = tls.createSecureContext { ca = read "ca.crt" }
local client, plain, closed

local server = tls.createServer(credentials, function(socket)
  socket:on("error", function() end)
  socket:pipe(socket)
end)

local function address() return { port = 1, host = "localhost", secureContext = context } end

local uses = { -- name, function
  { "createSecureContext", tls.createSecureContext },
  { "addCACert", function() context:addCACert(read "ca.crt") end },
  { "createServer", function() tls.createServer(credentials) end },
  { "server.addContext", function() server:addContext("a", credentials) end },
  { "tls.connect", function() tls.connect(address()) end },
  { "tls.connect over a socket", function() tls.connect { socket = plain, secureContext = context } end },
  { "TLSSocket", function() tls.TLSSocket(plain, { secureContext = context }) end },
  { "net.connect", function() net.connect(1, "localhost") end },
  { "listen", function() net.createServer():listen(0) end },
  { "connect again", function() closed:connect(1, "localhost") end },
  { "write", function() client:write "x" end },
  { "plain write", function() plain:write "x" end },
  { "pause", function() client:pause() end },
  { "resume", function() client:resume() end },
  { "setTimeout", function() client:setTimeout(100) end },
  { "address", function() return client.remoteAddress, plain.localPort, server:address() end },
  { "questions", function()
    for _, name in ipairs {
      "getProtocol", "getCipher", "getPeerCertificate", "getX509Certificate", "getSession", "getFinished",
    } do
      assert(client[name](client) == nil)
    end
  end },
  { "destroy", function() client:destroy() end },
  { "plain, all else", function()
    plain:pause():resume():setNoDelay():setKeepAlive(true):setTimeout(10):unref():ref()
    server:unref():ref()
    plain:cork()
    plain:uncork()
    plain["end"](plain)
    plain:resetAndDestroy()
  end },
  { "plain destroy", function() plain:destroy() end },
  { "server.close", function() server:close(function() end) end },
}

function finalize()
  for _, use in ipairs(uses) do
    local ok, err = pcall(use[2])
    local what = ok and "ok" or type(err) == "table" and err.code or "error"
    print(use[1] .. ": " .. what)
  end
end

local function begin()
  local port = server:address().port
  plain = net.connect(port, "127.0.0.1")
  plain:on("error", function() end)
  client = tls.connect({ port = port, host = "127.0.0.1", secureContext = context }, function() client:write "x" end)
  client:on("data", function() uv.stop() end)
end

server:listen(0, "127.0.0.1", function()
  closed = net.connect(server:address().port, "127.0.0.1")
  closed:on("error", function() end)
  closed:on("connect", function() closed:destroy() end)
  closed:on("close", begin)
end)

uv.run()

-- Ends of a connection, and of a program, that nobody walks every day.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local luas = require "spec.support.luas"
local merge = require("spec.support.visits").merge
local net = require "tls.net"
local tls = require "tls"
local Emitter = require "tls.stream.event_emitter"

local uv = helper.uv
local SERVER = { key = certs.ecdsa.key, cert = certs.ecdsa.cert }

-- The events of a socket in order, an error by its code.
local function watch(socket, log)
  for _, name in ipairs { "data", "end", "error", "close" } do
    socket:on(name, function(value)
      if name == "error" then value = value.code elseif name ~= "data" then value = nil end
      log[#log + 1] = name .. (value and " " .. value or "")
    end)
  end
  return log
end

local function soon(fn, ms)
  local timer = uv.new_timer()
  timer:start(ms or 0, 0, helper.wrap(function()
    timer:close()
    fn()
  end))
end

describe("a reset that our own write finds first", function()
  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    it("is an error and no end, over " .. version, function()
      local log, client, theirs, server = {}, nil, nil, nil
      local connected = helper.expect(function() -- on both sides
        soon(function()
          client:resetAndDestroy()
          theirs:write "hello"
          theirs:on("close", helper.expect(function() server:close() end))
        end, 50)
      end)
      local ends = 0
      local function one_connected()
        ends = ends + 1
        if ends == 2 then connected() end
      end
      server = tls.createServer(merge(SERVER, { maxVersion = version }), function(socket)
        theirs = socket
        watch(socket, log)
        one_connected()
      end)
      server:listen(0, "127.0.0.1", function()
        client = tls.connect({ port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert }, one_connected)
        client:on("error", function() end)
        client:resume()
      end)
      helper.run()
      assert.same({ "error ECONNRESET", "close" }, log)
    end)
  end
end)

-- One end of a duplex in memory; what is written goes on in the next turn, unless it is held.
local function Duplex()
  local d = Emitter.new()
  d.out, d.blocked = {}, false
  function d:write(bytes)
    self.out[#self.out + 1] = bytes
    if not self.held then soon(function() self:flush() end) end
    return not self.blocked
  end
  function d:flush()
    local bytes = table.concat(self.out)
    self.out = {}
    if bytes ~= "" then self.other:emit("data", bytes) end
  end
  d["end"] = function() end
  return d
end

local function over_duplex(then_what)
  local a, b = Duplex(), Duplex()
  a.other, b.other = b, a
  local server = tls.TLSSocket(b, merge(SERVER, { isServer = true }))
  server:on("error", function() end)
  local client = tls.connect { socket = a, ca = certs.ca.cert, host = "localhost" }
  local log = watch(client, {})
  client:on("secureConnect", helper.expect(function()
    helper.turns(30, function()
      b.held = true
      server:write "the last words"
      helper.turns(30, function() then_what(a, b, client) end)
    end)
  end))
  client:on("close", helper.expect(function() server:destroy() end))
  helper.run()
  return log
end

describe("a duplex that fails in the turn in which it brings records", function()
  it("has them read before its error is told", function()
    assert.same({ "data the last words", "error EIO", "close" }, over_duplex(function(a, b)
      b:flush()
      a:emit("error", { code = "EIO", message = "broken" })
      a:emit "close"
    end))
  end)

  it("has them read before a write that is lost is told", function()
    assert.same({ "data the last words", "end", "error EPIPE", "close" }, over_duplex(function(a, b, client)
      a.blocked = true
      client:write "something"
      helper.turns(30, function()
        b:flush()
        a:emit "close"
      end)
    end))
  end)

  it("ends the connection when its write throws", function()
    local broken = Emitter.new()
    function broken.write() error { code = "MINE", message = "broken" } end
    broken["end"] = function() end
    local log = watch(tls.connect { socket = broken, ca = certs.ca.cert, host = "localhost" }, {})
    helper.run()
    assert.same({ "error MINE", "close" }, log)
  end)
end)

describe("a listener for 'tlsClientError' that throws", function()
  it("does not keep the socket", function()
    local accepted, failure
    local server = tls.createServer(merge(SERVER, { ALPNCallback = function(_, socket)
      accepted = socket
      return nil
    end }))
    server:on("tlsClientError", function() error("thrown", 0) end)
    server:on("clientHello", function(_, _, socket) accepted = socket end) -- and never answers
    server:listen(0, "127.0.0.1", function()
      local client = tls.connect { port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert }
      client:on("error", function() end)
      client:on("close", helper.expect())
      helper.soon(function() return accepted end, function()
        accepted:on("close", helper.expect(function() server:close() end))
        local ok
        ok, failure = pcall(accepted.destroy, accepted)
        assert.is_false(ok)
      end)
    end)
    helper.run()
    assert.equal("thrown", failure)
  end)
end)

describe("a listener for 'connection'", function()
  it("is told when it has taken the place of the server's own", function()
    local server = tls.createServer(SERVER, helper.never "secureConnection")
    server:removeAllListeners "connection"
    server:on("connection", helper.expect(function(plain)
      assert.equal("function", type(plain.write))
      plain:destroy()
      server:close()
    end))
    server:listen(0, "127.0.0.1", function()
      local client = net.connect(server:address().port, "127.0.0.1")
      client:on("error", function() end)
      client:on("close", helper.expect())
      client:resume()
    end)
    helper.run()
  end)
end)

local function run(command)
  local p = assert(io.popen("env TLS_CERTS=" .. certs.dir .. " timeout 120 " .. command .. " 2>&1; echo status $?"))
  local out = p:read "*a"
  p:close()
  return out
end

describe("a finalizer that the end of the program runs", function()
  local it_at_closing = luas.outside_nvim(it, "it does not close its Lua state when it ends")

  for _, lua in ipairs(luas.list) do
    local name, program = lua.name, "env " .. lua.command
    for _, what in ipairs { "destroy", "server", "all" } do
      it_at_closing("may end what is younger than it (" .. what .. ", " .. name .. ")", function()
        assert.equal("ended\nstatus 0\n", run(program .. " spec/support/last_finalizer.lua " .. what))
      end)
    end

    it_at_closing("may wait for a callback of luv's (" .. name .. ")", function()
      assert.equal("called\nstatus 0\n", run(program .. " spec/support/last_finalizer.lua wait"))
    end)
  end
end)

describe("a module that could not be loaded", function()
  it("leaves the state as it was", function()
    local out = run(luas.this.command .. " -e 'package.loaded.luv = { version = os.clock } " ..
      'print(pcall(require, "tls.core") and "loaded" or "not loaded") collectgarbage() collectgarbage() print "on"\'')
    assert.equal("not loaded\non\nstatus 0\n", out)
  end)
end)

describe("a server of TLS 1.3 that has ended", function()
  it("sends no tickets behind a certificate that comes late", function()
    local SIZE = 600000
    local got = 0
    local server = tls.createServer(merge(SERVER, { ca = certs.ca.cert, allowHalfOpen = true }), function(socket)
      socket:renegotiate({ requestCert = true, rejectUnauthorized = true }, helper.expect(function(err)
        assert.is_nil(err)
      end))
      socket:finish()
      socket:on("data", function(data)
        got = got + #data
        socket:pause()
        soon(function() socket:resume() end, 1)
      end)
      socket:on("error", helper.never "error")
      socket:on("end", helper.expect(function() socket:destroy() end))
    end)
    server:listen(0, "127.0.0.1", function()
      local client
      client = tls.connect({ port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert, allowHalfOpen = true,
        key = certs.agent.key, cert = certs.agent.cert }, helper.expect())
      client:on("error", helper.never "error")
      client:on("end", helper.expect(function() client:finish(("x"):rep(SIZE)) end))
      client:on("close", helper.expect(function() server:close() end))
      client:resume()
    end)
    helper.run()
    assert.equal(SIZE, got)
  end)
end)

describe("updateKeys()", function()
  it("changes ours when the peer has ended its direction", function()
    local text = ""
    local server = tls.createServer(merge(SERVER, { allowHalfOpen = true }), function(socket)
      socket:on("end", helper.expect(function()
        socket:write "more"
        assert.is_true(socket:updateKeys())
        socket:finish "rest"
      end))
      socket:resume()
    end)
    server:listen(0, "127.0.0.1", function()
      local client
      client = tls.connect({ port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert,
        allowHalfOpen = true }, helper.expect(function() client:finish "bye" end))
      client:on("data", function(data) text = text .. data end)
      client:on("close", helper.expect(function() server:close() end))
    end)
    helper.run()
    assert.equal("morerest", text)
  end)
end)

describe("a client's renegotiate()", function()
  it("is done before the end that is asked for behind it", function()
    local server = tls.createServer(merge(SERVER, { maxVersion = "TLSv1.2" }), function(socket)
      socket:resume()
    end)
    server:listen(0, "127.0.0.1", function()
      local client
      client = tls.connect({ port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert },
        helper.expect(function()
          assert.is_true(client:renegotiate({}, helper.expect(function(err) assert.is_nil(err) end)))
          client:finish()
        end))
      client:on("close", helper.expect(function() server:close() end))
      client:resume()
    end)
    helper.run()
  end)
end)

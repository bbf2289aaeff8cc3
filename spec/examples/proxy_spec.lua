-- examples/proxy.lua as a process of its own, between a client and a backend
-- that are here.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local child = require "spec.support.child"
local net = require "tls.net"
local tls = require "tls"

local uv, expect, wrap = helper.uv, helper.expect, helper.wrap
local MIB = 1024 * 1024
local context = tls.createSecureContext { ca = certs.ca.cert }
local sanitized = os.getenv "LD_PRELOAD" -- its child takes it away

local function command(...)
  local words = { os.getenv "LUA" or "lua5.4", "examples/proxy.lua", ... }
  if not sanitized then return words end
  return { "env", "LD_PRELOAD=" .. sanitized, (table.unpack or unpack)(words) }
end

--- The proxy in front of 'to'; on_ready(port, proxy) when it listens.
local function start(to, on_ready)
  local proxy = child.spawn(command("--listen", "127.0.0.1:0", "--to", "127.0.0.1:" .. to,
    "--cert", certs.ecdsa.cert_file, "--key", certs.ecdsa.key_file),
    expect(function(_, output, signal)
      assert.equal(9, signal, "the proxy ended by itself: " .. output)
    end))
  local line = "listening on 127%.0%.0%.1:(%d+)\n"
  proxy:when(line, expect(function(output)
    on_ready(tonumber(output:match(line)), proxy)
  end))
end

--- A backend, whose connections go to 'on_backend', and the proxy in front of it:
-- on_ready(port, stop, proxy). stop(pattern) ends both when the proxy has logged it.
local function proxied(on_backend, on_ready, ms)
  local backend = net.createServer({ allowHalfOpen = true }, wrap(on_backend))
  backend:listen(0, "127.0.0.1", expect(function()
    start(backend:address().port, function(port, proxy)
      on_ready(port, function(pattern)
        proxy:when(pattern, expect(function()
          proxy:stop()
          backend:close(expect())
        end))
      end, proxy)
    end)
  end))
  helper.run(ms or 15000)
end

--- A client of the proxy, which lets its peer go on when it has ended.
local function connect(port, on_connect)
  local client = tls.connect { port = port, host = "127.0.0.1", secureContext = context,
    allowHalfOpen = true }
  if on_connect then client:on("secureConnect", expect(function() on_connect(client) end)) end
  return client
end

local function closes_well(socket, fn)
  socket:on("error", helper.never "error")
  socket:on("close", expect(function(had_error)
    assert.is_false(had_error)
    if fn then fn() end
  end))
end

--- All that 'socket' receives, when it has ended.
local function collect(socket, fn)
  local parts = {}
  socket:on("data", wrap(function(data) parts[#parts + 1] = data end))
  socket:on("end", expect(function() fn(table.concat(parts)) end))
end

-- An endless text that no shift or loss leaves the same.
local block = {}
for i = 1, 65521 do block[i] = string.char((i * 7 + math.floor(i / 251)) % 256) end
block = table.concat(block)
local twice = block .. block

local function text(from, size)
  local at = from % #block
  return twice:sub(at + 1, at + size)
end

--- Write 'total' bytes of the text as fast as 'socket' takes them; returns a
-- function that tells how many it has.
local function send(socket, total, done)
  local sent = 0
  local function go_on()
    while sent < total do
      local size = math.min(50021, total - sent)
      sent = sent + size
      if not socket:write(text(sent - size, size)) then
        return socket:once("drain", wrap(go_on))
      end
    end
    done()
  end
  go_on()
  return function() return sent end
end

--- Compare what 'socket' receives with the text; at the end, fn(bytes).
local function verify(socket, fn)
  local got = 0
  socket:on("data", wrap(function(data)
    for at = 1, #data, #block do
      local piece = data:sub(at, at + #block - 1)
      if piece ~= text(got, #piece) then error("wrong bytes after " .. got) end
      got = got + #piece
    end
  end))
  socket:on("end", expect(function() fn(got) end))
end

local function rss(process) -- KiB
  local f = assert(io.open("/proc/" .. process.handle:get_pid() .. "/status"))
  local status = f:read "*a"
  f:close()
  return tonumber(status:match "VmRSS:%s+(%d+)")
end

--- fn() when 'socket' has written nothing for a while: each 'drain' says that it
-- goes on. Should it only be slow, the test shows less, but does not fail.
local function when_stuck(socket, fn)
  local timer = uv.new_timer()
  local function alive() timer:again() end
  socket:on("drain", alive)
  uv.update_time()
  timer:start(500, 500, wrap(function()
    timer:close()
    socket:off("drain", alive)
    fn()
  end))
end

--- 'writer' goes on until 'reader', which does not read, has stopped it through
-- the proxy; then 'reader' reads all there was.
local function stop_and_go(writer, reader, proxy)
  local cap, before = 200 * MIB, rss(proxy)
  reader:pause()
  local sent = send(writer, cap, function() error "nothing stopped the writer" end)
  when_stuck(writer, function()
    assert.is_true(writer.writableNeedDrain)
    assert.is_true(sent() < cap)
    local grown, stuck_at = rss(proxy) - before, sent()
    if not sanitized then
      assert.is_true(grown < 8000, "the proxy grew by " .. grown .. " KiB") -- may not run: under a sanitizer
    end
    writer:removeAllListeners "drain"
    writer:finish()
    verify(reader, function(got) assert.equal(stuck_at, got) end)
    reader:resume()
  end)
end

describe("the proxy example", function()
  it("serves openssl s_client", function()
    proxied(function(socket)
      socket:on("data", function(data) socket:write(data:upper()) end)
      socket:on("end", expect(function() socket:finish() end))
    end, function(port, stop)
      local client = child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. port,
        "-CAfile", certs.ca.cert_file, "-verify_return_error" },
        expect(function(status, output)
          assert.equal(0, status, output)
          stop "127%.0%.0%.1:%d+%s+TLSv1%.3%s+6 in%s+6 out"
        end))
      client:write "hello\n"
      client:when("HELLO\n", expect(function() client:write "Q\n" end))
    end)
  end)

  it("carries 20 MiB both ways at once, every byte", function()
    local total = math.floor(20 * MIB / helper.slow)
    local function both_ways(socket)
      verify(socket, function(got) assert.equal(total, got) end)
      send(socket, total, expect(function() socket:finish() end))
      closes_well(socket)
    end
    proxied(both_ways, function(port, stop)
      connect(port, both_ways)
      stop(total .. " in%s+" .. total .. " out%s+done\n")
    end, 30000)
  end)

  it("does not read from the backend what the client does not take", function()
    local on_backend
    proxied(function(socket)
      closes_well(socket)
      socket:resume()
      on_backend(socket)
    end, function(port, stop, proxy)
      local client = connect(port)
      closes_well(client, function()
        stop "%s0 in%s+%d+ out%s+done\n"
      end)
      on_backend = expect(function(socket)
        client:finish()
        stop_and_go(socket, client, proxy)
      end)
    end, 30000)
  end)

  it("does not read from the client what the backend does not take", function()
    local on_backend
    proxied(function(socket)
      closes_well(socket)
      socket:finish()
      on_backend(socket)
    end, function(port, stop, proxy)
      local client = connect(port)
      client:resume()
      closes_well(client, function()
        stop "%d+ in%s+0 out%s+done\n"
      end)
      on_backend = expect(function(socket)
        stop_and_go(client, socket, proxy)
      end)
    end, 30000)
  end)

  it("lets the backend answer when the client has ended", function()
    local answer = text(0, 65521):rep(20)
    proxied(function(socket)
      closes_well(socket)
      collect(socket, function(question)
        assert.equal("question", question)
        socket:finish(answer)
      end)
    end, function(port, stop)
      connect(port, function(client)
        client:finish "question"
        collect(client, function(got) assert.is_true(got == answer) end)
        closes_well(client, function() stop "%s8 in%s+%d+ out%s+done\n" end)
      end)
    end)
  end)

  it("lets the client answer when the backend has ended", function()
    proxied(function(socket)
      closes_well(socket)
      socket:finish "question"
      collect(socket, function(answer) assert.equal("answer", answer) end)
    end, function(port, stop)
      connect(port, function(client)
        collect(client, function(question)
          assert.equal("question", question)
          client:finish "answer"
        end)
        closes_well(client, function() stop "%s6 in%s+8 out%s+done\n" end)
      end)
    end)
  end)

  it("keeps what the client says before the backend is connected", function()
    proxied(function(socket)
      collect(socket, function(got)
        assert.is_true(got == text(0, 40000))
        socket:finish()
      end)
    end, function(port, stop)
      local client = connect(port)
      client:finish(text(0, 40000)) -- with the last flight of the handshake
      client:resume()
      closes_well(client, function() stop "%s40000 in%s+0 out%s+done\n" end)
    end)
  end)

  it("passes a client's reset on to the backend", function()
    local client
    proxied(function(socket)
      socket:on("error", expect(function(err) assert.equal("ECONNRESET", err.code) end))
      socket:on("end", helper.never "a clean end")
      socket:once("data", expect(function() client:resetAndDestroy() end))
    end, function(port, stop)
      client = connect(port, function() client:write "hello" end)
      stop "%s5 in%s+0 out%s+client: [^\n]*ECONNRESET"
    end)
  end)

  it("passes a backend's reset on to the client", function()
    proxied(function(socket)
      socket:write "go" -- has the client read the session tickets before it: see below
      socket:once("data", expect(function() socket:resetAndDestroy() end))
    end, function(port, stop)
      local client = connect(port)
      client:once("data", expect(function() client:write "hello" end))
      client:on("error", expect(function(err) assert.equal("ECONNRESET", err.code) end))
      client:on("end", helper.never "a clean end")
      stop "%s5 in%s+2 out%s+backend: [^\n]*ECONNRESET"
    end)
  end)

  it("outlives a backend that refuses", function()
    local backend = net.createServer(wrap(function(socket) socket:pipe(socket) end))
    local to

    local function try_again(port, proxy)
      backend:listen(to, "127.0.0.1", expect(function()
        connect(port, function(client)
          client:finish "now it is there"
          collect(client, function(got) assert.equal("now it is there", got) end)
          client:on("close", expect(function()
            proxy:stop()
            backend:close(expect())
          end))
        end)
      end))
    end

    local function be_refused(port, proxy)
      local client = connect(port)
      client:resume()
      -- A reset, which libuv takes for an end when it comes right behind data
      -- (here the session tickets): see uv__stream_io.
      client:on("error", function() end)
      client:on("end", function() client:finish() end)
      client:on("close", expect(function()
        proxy:when("backend: connect ECONNREFUSED 127%.0%.0%.1:" .. to .. "\n",
          expect(function() try_again(port, proxy) end))
      end))
    end

    backend:listen(0, "127.0.0.1", expect(function()
      to = backend:address().port
      backend:close(expect(function() start(to, be_refused) end))
    end))
    helper.run(15000)
  end)

  it("does not mind a client that fails the handshake", function()
    local function fail_handshake(port, proxy, done)
      local stranger = net.connect(port, "127.0.0.1")
      stranger:write "GET / HTTP/1.0\r\n\r\n"
      stranger:resume()
      stranger:on("error", function() end)
      stranger:on("close", expect(function() proxy:when("no TLS: ", done) end))
    end
    local connections = 0
    proxied(function(socket)
      connections = connections + 1
      socket:pipe(socket)
    end, function(port, stop, proxy)
      connect(port, function(client)
        client:write "before, "
        client:once("data", expect(function(first)
          assert.equal("before, ", first)
          fail_handshake(port, proxy, expect(function() client:finish "and after" end))
          collect(client, function(rest) assert.equal("and after", rest) end)
        end))
        closes_well(client, function()
          assert.equal(1, connections)
          stop "%s17 in%s+17 out%s+done\n"
        end)
      end)
    end)
  end)

  local cert, key = certs.ecdsa.cert_file, certs.ecdsa.key_file
  for what, case in pairs {
    ["no arguments"] = { {}, "is missing\nusage: " },
    ["an option without a value"] = { { "--listen" }, "--listen wants a value\nusage: " },
    ["an unknown option"] = { { "--port", "1" }, "there is no option --port\nusage: " },
    ["a word that is no option"] = { { "8443", "8080" }, "there is no option 8443\nusage: " },
    ["a port out of range"] = { { "--listen", "127.0.0.1:65536", "--to", "127.0.0.1:1",
      "--cert", cert, "--key", key }, "'127.0.0.1:65536' is not HOST:PORT\nusage: " },
    ["a file that is not there"] = { { "--listen", "127.0.0.1:0", "--to", "127.0.0.1:1",
      "--cert", "no/such/file", "--key", key }, "no/such/file" },
    ["a key of another certificate"] = { { "--listen", "127.0.0.1:0", "--to", "127.0.0.1:1",
      "--cert", cert, "--key", certs.p384.key_file }, "proxy: " },
  } do
    it("refuses " .. what, function()
      child.spawn(command((table.unpack or unpack)(case[1])), expect(function(status, output)
        assert.equal(1, status, output)
        assert.truthy(output:find(case[2], 1, true), output)
        assert.is_nil(output:find("stack traceback", 1, true), output)
      end))
      helper.run()
    end)
  end
end)

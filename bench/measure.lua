-- A first measurement: our server in one process, our client in another.
--
--   eval "$(make -s env)"; lua5.4 bench/measure.lua
--
-- Prints rates, and the server's CPU per unit (utime + stime), which is the
-- fair figure where both share a machine. Loopback, a few seconds a row.
local uv = require "luv"
local tls = require "tls"
package.path = package.path .. ";./?.lua"
local certs = require "spec.support.certs"

local SECONDS = tonumber(os.getenv "BENCH_SECONDS") or 3

local function serve()
  local server = tls.createServer({
    key = certs.ecdsa.key, cert = certs.ecdsa.cert,
  }, function(socket)
    local piece
    socket:on("error", function() end)
    socket:on("data", function(data)
      if piece then return end
      local size = data:match "^GET (%d+)\n$"
      if size then
        piece = ("x"):rep(tonumber(size))
        local function send()
          while not socket.destroyed and socket:write(piece) do end
        end
        socket:on("drain", send)
        return send()
      end
      if data:find "^PUT\n" then piece = "" return end
      socket:write(data)
    end)
  end)
  server:on("tlsClientError", function() end)
  server:listen(0, "127.0.0.1", function()
    io.stdout:write(server:address().port, "\n")
    io.stdout:flush()
  end)
  uv.run()
end

if arg[1] == "serve" then return serve() end

local function spawn_server(callback)
  local out = uv.new_pipe(false)
  local handle, pid
  handle, pid = uv.spawn(arg[-1] or "lua5.4", {
    args = { arg[0], "serve" }, stdio = { nil, out, 2 },
  }, function() handle:close() end)
  out:read_start(function(_, data)
    if not data then return out:close() end
    callback(tonumber(data), pid, handle)
  end)
end

local function proc(pid, name, pattern)
  local f = assert(io.open("/proc/" .. pid .. "/" .. name))
  local text = f:read "*a"
  f:close()
  return text:match(pattern)
end

local function cpu(pid) -- seconds, in ticks of 10 ms
  local f = assert(io.open("/proc/" .. pid .. "/stat"))
  local text = f:read "*a"
  f:close()
  local utime, stime = text:match "%) %S (%S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+) (%d+ %d+)"
  local _, rest = utime, stime
  local u, s = rest:match "(%d+) (%d+)"
  return (tonumber(u) + tonumber(s)) / 100
end

local function rss(pid)
  return tonumber(proc(pid, "status", "VmRSS:%s+(%d+)"))
end

local context = tls.createSecureContext { ca = certs.ca.cert }

local function connect(port, fn)
  local socket
  socket = tls.connect({
    port = port, host = "127.0.0.1", secureContext = context,
  }, function() fn(socket) end)
  socket:on("error", function(err) print("error", err) end)
  return socket
end

--- Run 'start(count)' for SECONDS; 'count(n)' adds units.
local function measure(pid, name, unit, scale, start, done)
  local total, before, at = 0, cpu(pid), uv.hrtime()
  local stop = start(function(n) total = total + n end)
  local timer = uv.new_timer()
  timer:start(SECONDS * 1000, 0, function()
    timer:close()
    local elapsed = (uv.hrtime() - at) / 1e9
    local used = cpu(pid) - before
    print(string.format("%-34s %10.0f %s/s   server CPU %8.2f us/%s", name,
      total / elapsed / scale, unit, used * 1e6 / (total / scale), unit))
    stop()
    done()
  end)
end

local function handshakes(port)
  return function(count)
    local over = false
    local function again()
      if over then return end
      local socket = connect(port, function(s) count(1) s:destroy() end)
      socket:on("close", again)
    end
    for _ = 1, 8 do again() end
    return function() over = true end
  end
end

local function echo(port, connections, size)
  return function(count)
    local sockets, message = {}, ("m"):rep(size)
    for i = 1, connections do
      sockets[i] = connect(port, function(s)
        local got = 0
        s:on("data", function(data)
          got = got + #data
          if got >= size then
            got = 0
            count(1)
            s:write(message)
          end
        end)
        s:write(message)
      end)
    end
    return function()
      for _, s in ipairs(sockets) do s:destroy() end
    end
  end
end

local function download(port, size)
  return function(count)
    local socket = connect(port, function(s)
      s:on("data", function(data) count(#data) end)
      s:write("GET " .. size .. "\n")
    end)
    return function() socket:destroy() end
  end
end

local function upload(port, size)
  return function(count)
    local piece = ("u"):rep(size)
    local socket = connect(port, function(s)
      local function send()
        while not s.destroyed and s:write(piece) do count(size) end
        count(size)
      end
      s:on("drain", send)
      s:write("PUT\n", send)
    end)
    return function() socket:destroy() end
  end
end

local function idle(port, pid, n, done)
  local before, open, sockets = rss(pid), 0, {}
  for i = 1, n do
    sockets[i] = connect(port, function()
      open = open + 1
      if open < n then return end
      local timer = uv.new_timer()
      timer:start(500, 0, function()
        timer:close()
        print(string.format("%-34s %10.1f KiB each",
          "idle, " .. n .. " connections", (rss(pid) - before) / n))
        for _, s in ipairs(sockets) do s:destroy() end
        done()
      end)
    end)
  end
end

spawn_server(function(port, pid, server)
  local rows = {
    { "full handshake, TLS 1.3 P-256", "handshake", 1, handshakes(port) },
    { "echo, 1 connection, 64 B", "message", 1, echo(port, 1, 64) },
    { "echo, 64 connections, 64 B", "message", 1, echo(port, 64, 64) },
    { "echo, 64 connections, 1 KiB", "message", 1, echo(port, 64, 1024) },
    { "download, 64 KiB writes", "MB", 1e6, download(port, 65536) },
    { "download, 16 KiB writes", "MB", 1e6, download(port, 16384) },
    { "upload, 16 KiB writes", "MB", 1e6, upload(port, 16384) },
  }
  print(jit and jit.version or _VERSION, require("tls.core").openssl)
  local i = 0
  local function next_row()
    i = i + 1
    local row = rows[i]
    if row then
      return measure(pid, row[1], row[2], row[3], row[4], next_row)
    end
    idle(port, pid, 1000, function() server:kill("sigterm") end)
  end
  idle(port, pid, 100, next_row) -- warm
end)
uv.run()

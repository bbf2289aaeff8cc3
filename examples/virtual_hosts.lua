-- Several names on one port, each with a certificate of its own, which is read anew when its files change.
--
--   lua5.4 examples/virtual_hosts.lua PORT FOLDER [SECONDS]
--
-- FOLDER is as certbot's /etc/letsencrypt/live: FOLDER/example.org/fullchain.pem and privkey.pem are that name's. A
-- renewal is seen at once, whether it writes files, renames them or puts links in their place; and after SECONDS, 60
-- unless you say so, at the latest. What cannot be used is reported once, and the certificate from before stays.
local uv = require "luv"
local co = require "tls.co"
local tls = require "tls"

local SETTLE = 100 -- ms: a renewal changes several files

local function log(...) io.stderr:write("virtual_hosts.lua: ", table.concat({ ... }, ""), "\n") end

local function fail(...)
  log(...)
  os.exit(1)
end

--- === certificates ===

local hosts = {} -- name in lower case -> { name, folder, context, seen = what the files were when they were last read }

--- What changes whenever a file does, also one that a link leads to.
local function state_of(path)
  local stat, err = uv.fs_stat(path)
  if not stat then return err end
  return table.concat({ stat.dev, stat.ino, stat.size, stat.mtime.sec, stat.mtime.nsec }, " ")
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- A context of the files, if they belong together and to the name. Throws what is wrong.
local function load_context(host)
  local cert = read(host.cert)
  local context = tls.createSecureContext { cert = cert, key = { file = host.key } }
  if not tls.X509Certificate(cert):checkHost(host.name) then
    error("the certificate is not for this name: " .. host.cert, 0)
  end
  return context
end

--- Reads the files again if they are others than the last time: so a bad one is reported once.
local function refresh(host)
  local state = state_of(host.cert) .. "\n" .. state_of(host.key)
  if state == host.seen then return end
  host.seen = state
  local ok, result = pcall(load_context, host)
  if ok then host.context = result end
  log(host.name, ": ", ok and "certificate loaded" or (tostring(result):gsub("%c", "?")),
    not ok and host.context and "; the one from before stays" or "")
end

--- Calls refresh() when the folder changes, soon after the last change. The system may have no watches left, and tells
-- nothing of a file that a link leads to: that is found by looking, see below.
local function watch(host)
  local timer, watcher = uv.new_timer(), uv.new_fs_event()
  local ok, err = watcher:start(host.folder, {}, function()
    timer:start(SETTLE, 0, function() refresh(host) end)
  end)
  if not ok then log(host.name, ": cannot be watched, only looked at now and then: ", err) end
end

local function add_hosts(folder)
  local scan, err = uv.fs_scandir(folder)
  if not scan then fail(err) end
  for name in function() return uv.fs_scandir_next(scan) end do
    local path = folder .. "/" .. name
    if uv.fs_stat(path .. "/fullchain.pem") then
      local host = { name = name:lower(), folder = path, cert = path .. "/fullchain.pem", key = path .. "/privkey.pem" }
      hosts[host.name] = host
      watch(host) -- before it is read, so that nothing is missed
      refresh(host)
    end
  end
  if not next(hosts) then fail("no NAME/fullchain.pem in ", folder) end
end

--- === the server ===

--- Who asks for a name that is not ours gets no certificate of another one.
local function choose(name, callback)
  local host = hosts[name:lower()]
  if host and host.context then return callback(nil, host.context) end
  callback { message = "no such name: " .. name, alert = "unrecognized_name" }
end

--- What each host does; here it says its name.
local function answer(socket)
  if not socket:read_until "\r\n\r\n" then return end
  local text = "this is " .. socket.stream.servername .. "\n"
  socket:write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ", #text, "\r\n\r\n", text)
end

local port, folder, seconds = arg[1], arg[2], tonumber(arg[3] or 60)
if not folder or not port:find "^%d+$" or not seconds or seconds < 1 then
  fail "usage: virtual_hosts.lua PORT FOLDER [SECONDS]"
end
add_hosts(folder)

local poll = uv.new_timer()
poll:start(seconds * 1000, seconds * 1000, function()
  for _, host in pairs(hosts) do refresh(host) end
end)

local function serve()
  local server, err = co.listen({
    port = port, SNICallback = choose, timeout = 30000, handshakeTimeout = 10000, limit = 16384,
  }, answer)
  if not server then fail(tostring(err)) end
  server:on("tlsClientError", function(problem, socket)
    log(socket.remoteAddress or "?", ": ", (tostring(problem.message or problem):gsub("%c", "?")))
  end)
  print("listening on port " .. server:address().port)
  io.stdout:flush()
end

co.run(function()
  local ok, problem = co.pcall(serve)
  if not ok then fail(tostring(problem)) end -- a port that cannot be, for example
end)
uv.run()

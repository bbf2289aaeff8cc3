-- A folder over HTTPS, for curl and browsers: GET and HEAD, keep-alive,
-- pipelining, single ranges, listings.
--
--   lua5.4 examples/https_server.lua --dir . --port 8443 --cert cert.pem --key key.pem
--
-- It listens on 127.0.0.1, where only this machine can see it; --host 0.0.0.0 shows the folder to everybody. Never
-- served: what is outside of the folder, wherever links lead; hidden files; the key, and files that are named like one.
local uv = require "luv"
local tls = require "tls"

local HEAD_LIMIT = 16 * 1024 -- bytes of a request's head
local PIECE = 64 * 1024 -- bytes of a file in memory at once
local IDLE = 30000 -- ms
local HASTE = 10000 -- ms, for the handshake, and for the rest of a head that has begun

local TYPES = {
  html = "text/html; charset=utf-8", txt = "text/plain; charset=utf-8", md = "text/plain; charset=utf-8",
  lua = "text/plain; charset=utf-8", c = "text/plain; charset=utf-8", css = "text/css", js = "text/javascript",
  json = "application/json", svg = "image/svg+xml", png = "image/png", jpg = "image/jpeg", gif = "image/gif",
  pdf = "application/pdf", wasm = "application/wasm",
}

local REASONS = {
  [200] = "OK", [206] = "Partial Content", [301] = "Moved Permanently", [400] = "Bad Request", [404] = "Not Found",
  [405] = "Method Not Allowed", [416] = "Range Not Satisfiable", [431] = "Request Header Fields Too Large",
  [500] = "Internal Server Error", [505] = "HTTP Version Not Supported",
}

-- Endings of files that hold keys.
local SECRET = { key = true, pem = true, p12 = true, pfx = true, jks = true }

--- === what may be seen ===

--- "key.pem~" and "key.pem.bak" are keys, too: what editors and people leave behind.
local function is_secret(name)
  local secret = name:sub(1, 1) == "."
  for ending in name:lower():gmatch "%.(%w+)" do secret = secret or SECRET[ending] or false end
  return secret
end

local function same_file(one, other)
  return one and other and one.dev == other.dev and one.ino == other.ino
end

--- Whether a real path is below the root, without a secret name on the way.
local function is_public(root, path)
  if path == root then return true end
  local prefix = root == "/" and root or root .. "/"
  if path:sub(1, #prefix) ~= prefix then return false end
  for name in path:sub(#prefix + 1):gmatch "[^/]+" do
    if is_secret(name) then return false end
  end
  return true
end

--- done(path, stat): the real path of what may be seen; nothing if there is no such thing.
local function resolve(site, name, done)
  uv.fs_realpath(site.root .. name, function(_, path)
    if not path or not is_public(site.root, path) then return done() end
    if path == site.key_path then return done() end -- a new one, too
    uv.fs_stat(path, function(_, stat)
      if not stat or same_file(stat, site.key) then return done() end -- the key by another name
      done(path, stat)
    end)
  end)
end

--- === what is asked for ===

local function decode(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- {method, target, version, headers}, or nil when it is none. A header's name is in lower case; one that comes twice
-- is a list. (".-[ \t]*$" would take a second for a header that is full of blanks.)
local function parse(head)
  local line, rest = head:match "^(.-)\r\n(.*)$"
  local method, target, version = (line or ""):match "^(%u+) (%S+) HTTP/(%d%.%d)$"
  if not method then return nil end
  local headers = {}
  for header in rest:gmatch "(.-)\r\n" do
    local name, value = header:match "^([%w!#$%%&'*+.^_`|~-]+):[ \t]*(.*)$"
    if not name then return nil end
    name, value = name:lower(), value:match "^.*[^ \t]" or ""
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
  end
  return { method = method, target = target, version = version, headers = headers }
end

--- RFC 9110, 14: first and last byte; false when it cannot be satisfied; nil when it does not count.
local function range_of(header, size)
  local from, to = (header or ""):match "^bytes=(%d*)%-(%d*)$"
  if not from or from == "" and to == "" then return nil end
  local first, last = tonumber(from), tonumber(to)
  if not first then -- the last so many bytes
    if last == 0 then return false end
    return math.max(0, size - last), size - 1
  end
  if last and last < first then return nil end
  if first >= size then return false end
  return first, math.min(last or size - 1, size - 1)
end

--- === answering ===

local Visit = {} -- one connection
Visit.__index = Visit

--- The head of an answer; `done` follows the body.
function Visit:head(status, headers, length)
  local lines = { ("HTTP/1.1 %d %s"):format(status, REASONS[status]) }
  for _, header in ipairs(headers) do lines[#lines + 1] = header end
  lines[#lines + 1] = "Content-Length: " .. length
  lines[#lines + 1] = "Date: " .. os.date "!%a, %d %b %Y %H:%M:%S GMT"
  lines[#lines + 1] = "Connection: " .. (self.last and "close" or "keep-alive")
  self.socket:write(table.concat(lines, "\r\n") .. "\r\n\r\n")
end

function Visit:text(status, text, ...)
  self:head(status, { "Content-Type: text/html; charset=utf-8", ... }, #text)
  if self.method ~= "HEAD" then self.socket:write(text) end
  self:done()
end

function Visit:refuse(status, ...)
  if status == 400 then self.last = true end -- who knows what comes next
  local title = status .. " " .. REASONS[status]
  self:text(status, "<!doctype html><title>" .. title .. "</title><h1>" .. title .. "</h1>\n", ...)
end

--- The next request, which may be here already.
function Visit:done()
  self.busy = false
  if self.last then return self.socket:finish() end
  self:advance()
end

--- From `at` on, `left` bytes, no faster than the peer reads.
function Visit:send(fd, at, left)
  local socket = self.socket
  if left == 0 or socket.destroyed then
    uv.fs_close(fd, function() end)
    if not socket.destroyed then self:done() end
    return
  end
  uv.fs_read(fd, math.min(left, PIECE), at, function(err, data)
    if err or #data == 0 then -- the file has shrunk: the length we gave is wrong
      uv.fs_close(fd, function() end)
      return socket:destroy()
    end
    local function go_on() self:send(fd, at + #data, left - #data) end
    if socket.destroyed or socket:write(data) then return go_on() end
    self.resume = go_on
  end)
end

--- What has been opened is sent if it is still what has been looked at.
function Visit:file(path, seen, headers)
  uv.fs_open(path, "r", 0, function(err, fd)
    if err then return self:refuse(404) end
    uv.fs_fstat(fd, function(_, stat)
      if same_file(stat, seen) then return self:opened_file(fd, path, stat, headers) end
      uv.fs_close(fd, function() end)
      self:refuse(404)
    end)
  end)
end

function Visit:opened_file(fd, path, stat, headers)
  local first, last = range_of(headers.range, stat.size)
  if first == false then
    uv.fs_close(fd, function() end)
    return self:refuse(416, "Content-Range: bytes */" .. stat.size)
  end
  local lines = {
    "Content-Type: " .. (TYPES[path:match "%.(%w+)$" or ""] or "application/octet-stream"),
    "Last-Modified: " .. os.date("!%a, %d %b %Y %H:%M:%S GMT", stat.mtime.sec),
    "Accept-Ranges: bytes",
  }
  if first then lines[#lines + 1] = ("Content-Range: bytes %d-%d/%d"):format(first, last, stat.size) end
  local from, length = first or 0, first and last - first + 1 or stat.size
  self:head(first and 206 or 200, lines, length)
  self:send(fd, from, self.method == "HEAD" and 0 or length)
end

local function escape(text)
  return (text:gsub("[&<>\"']", function(c) return ("&#%d;"):format(c:byte()) end))
end

local function encode(text)
  return (text:gsub("[^%w._~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

function Visit:listing(path, title)
  uv.fs_scandir(path, function(err, scan)
    if err then return self:refuse(404) end
    local rows = {}
    for name, kind in function() return uv.fs_scandir_next(scan) end do
      local slash = kind == "directory" and "/" or ""
      if not is_secret(name) and path .. "/" .. name ~= self.site.key_path then
        rows[#rows + 1] = ('<li><a href="%s%s">%s%s</a>'):format(encode(name), slash, escape(name), slash)
      end
    end
    table.sort(rows)
    self:text(200, ("<!doctype html><title>%s</title><h1>%s</h1><ul>\n%s\n</ul>\n"):format(escape(title),
      escape(title), table.concat(rows, "\n")))
  end)
end

function Visit:folder(path, target, headers)
  if target:sub(-1) ~= "/" then return self:refuse(301, "Location: " .. target .. "/") end
  local title = decode(target)
  resolve(self.site, title .. "index.html", function(index, stat)
    if stat and stat.type == "file" then return self:file(index, stat, headers) end
    self:listing(path, title)
  end)
end

function Visit:find(request)
  local target = request.target:match "^[^?#]*"
  local name = decode(target)
  if target:sub(1, 1) ~= "/" or name:find "%z" then return self:refuse(400) end
  if target:sub(1, 2) == "//" then return self:refuse(404) end -- a redirection to it would lead to another host
  resolve(self.site, name, function(path, stat)
    if stat and stat.type == "directory" then return self:folder(path, target, request.headers) end
    if stat and stat.type == "file" then return self:file(path, stat, request.headers) end
    self:refuse(404)
  end)
end

function Visit:answer(request)
  self.busy = true
  self.method, self.last = request and request.method, true
  if not request then return self:refuse(400) end
  if request.version:sub(1, 1) ~= "1" then return self:refuse(505) end
  if request.headers["transfer-encoding"] or (request.headers["content-length"] or "0") ~= "0" then
    return self:refuse(400) -- GET and HEAD have no body
  end
  if request.version == "1.1" and not request.headers.host then return self:refuse(400) end
  local wish = (request.headers.connection or ""):lower()
  self.last = wish == "close" or request.version == "1.0" and wish ~= "keep-alive"
  if self.method ~= "GET" and self.method ~= "HEAD" then return self:refuse(405, "Allow: GET, HEAD") end
  self:find(request)
end

--- One request at a time: answers go out in order, and a peer that pipelines cannot fill our memory.
function Visit:advance()
  if self.busy or self.socket.destroyed or self.socket.writableEnded then return end
  local head, rest = self.unread:match "^(.-\r\n)\r\n(.*)$"
  if head then
    self.unread = rest
    self.clock:stop()
    return self:answer(#head <= HEAD_LIMIT and parse(head) or nil)
  end
  if #self.unread > HEAD_LIMIT then
    self.busy, self.last, self.unread = true, true, ""
    return self:refuse(431)
  end
  if self.unread ~= "" and not self.clock:is_active() then -- a byte now and then is not to keep it for ever
    self.clock:start(HASTE, 0, function() self.socket:destroy() end)
  end
  self.socket:resume()
end

local function welcome(site, socket)
  local visit = setmetatable({ site = site, socket = socket, unread = "", busy = false, clock = uv.new_timer() }, Visit)
  socket:setTimeout(IDLE, function() socket:destroy() end)
  socket:on("data", function(data)
    visit.unread = visit.unread .. data
    if visit.busy or #visit.unread > HEAD_LIMIT then socket:pause() end
    visit:advance()
  end)
  local function go_on()
    local resume = visit.resume
    visit.resume = nil
    if resume then resume() end
  end
  socket:on("drain", go_on)
  socket:on("close", go_on) -- closes the file
  socket:on("close", function() visit.clock:close() end)
  socket:on("error", function() end) -- a browser that goes away: 'close' follows
end

--- === the program ===

local function die(text)
  io.stderr:write("https_server.lua: ", text, "\n",
    "usage: https_server.lua --cert FILE --key FILE [--dir FOLDER] [--host ADDRESS] [--port PORT]\n")
  os.exit(1)
end

local OPTIONS = { dir = true, host = true, port = true, cert = true, key = true }

local function options_of(words)
  local options = { dir = ".", host = "127.0.0.1", port = "8443" }
  for i = 1, #words, 2 do
    local name = words[i]:match "^%-%-(%l+)$"
    if not name or not OPTIONS[name] then die("what is " .. words[i] .. "?") end
    options[name] = words[i + 1] or die(words[i] .. " of what?")
  end
  return options
end

local options = options_of(arg)
for _, name in ipairs { "cert", "key" } do
  if not options[name] then die("--" .. name .. " is missing") end
end
local port = tonumber(options.port)
if not port or port > 65535 then die("no port " .. options.port) end
local site = {
  root = uv.fs_realpath(options.dir) or die("no folder " .. options.dir),
  key = uv.fs_stat(options.key),
  key_path = uv.fs_realpath(options.key),
}

local ok, server = pcall(tls.createServer, {
  cert = { file = options.cert }, key = { file = options.key }, ALPNProtocols = { "http/1.1" },
  handshakeTimeout = HASTE,
}, function(socket) welcome(site, socket) end)
if not ok then die(tostring(server)) end

server:on("tlsClientError", function() end) -- who cannot speak TLS sees nothing
server:on("error", function(err) die(tostring(err)) end)
server:listen(port, options.host, function()
  local host = options.host == "127.0.0.1" and "localhost" or options.host
  print(("listening on https://%s:%d/"):format(host:find ":" and "[" .. host .. "]" or host, server:address().port))
  io.flush()
end)

uv.run()

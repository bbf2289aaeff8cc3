-- Fetches a page over HTTPS: redirects, chunked bodies, and an end to all of it (docs/coroutines.md).
--
--   lua5.4 examples/https_get.lua [--ca FILE] [--deadline SECONDS] [--max BYTES] [--redirects COUNT] URL
--
-- The body goes to standard output, once all of it has come. It never goes on without TLS, wherever a server redirects.
local uv = require "luv"
local co = require "tls.co"

local HEAD_LIMIT = 64 * 1024 -- bytes of an answer's head
local LINE_LIMIT = 4096 -- bytes of a line between chunks

--- What must come; nil alone is the end of the connection, which is too early then.
local function need(value, err)
  if value then return value end
  error(err or "the server has closed the connection too early", 0)
end

--- { host, port, authority, target } of https://host[:port][/path][?query].
local function parse(url)
  local authority, target = url:match "^[hH][tT][tT][pP][sS]://([^/?#]+)([^#]*)"
  if not authority then error("not an https URL: " .. url, 0) end
  local host, port = authority:match "^([%w.-]+):?(%d*)$"
  if not host then host, port = authority:match "^%[([%x:.]+)%]:?(%d*)$" end
  if not host or target:find "[%c ]" then error("not an URL that can be asked for: " .. url, 0) end
  if target:sub(1, 1) ~= "/" then target = "/" .. target end
  return { host = host, port = tonumber(port) or 443, authority = authority, target = target }
end

--- Where a redirection leads. A server must not take us out of TLS.
local function resolve(from, location)
  local base = "https://" .. from.authority
  if location:find "^[%a][%w+.-]*:" then return location end -- parse() takes https alone
  if location:sub(1, 2) == "//" then return "https:" .. location end
  if location:sub(1, 1) == "/" then return base .. location end
  local path = from.target:match "^[^?]*"
  if location:find "^[?#]" then return base .. path .. location end
  return base .. path:match "^.*/" .. location
end

--- The status, and the headers by their names in lower case. Answers that only announce others are passed over.
local function read_head(socket)
  local text = need(socket:read_until("\r\n\r\n", HEAD_LIMIT)) .. "\r\n"
  local status, rest = text:match "^HTTP/1%.%d (%d%d%d)[^\r\n]*\r\n(.*)$"
  if not status then error("this is not an answer of HTTP/1", 0) end
  if status:sub(1, 1) == "1" then return read_head(socket) end
  local headers = {}
  for line in rest:gmatch "(.-)\r\n" do
    local name, value = line:match "^([^%s:]+):[ \t]*(.*)$"
    if not name then error("the server has sent a header that is none", 0) end
    name, value = name:lower(), value:match "^.*[^ \t]" or ""
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
  end
  return tonumber(status), headers
end

local function within(count, max)
  if count > max then error(("the body is longer than %d bytes"):format(max), 0) end
end

local function read_exactly(socket, count)
  local data = count == 0 and "" or need(socket:read(count))
  return #data == count and data or need(nil)
end

local function read_chunked(socket, max)
  local parts, total = {}, 0
  while true do
    local line = need(socket:read_until("\r\n", LINE_LIMIT))
    local size = line:match "^%x+$" or line:match "^(%x+)[ \t]*;"
    if not size or #size > 12 then error("the server has sent a chunk without a length", 0) end
    size = tonumber(size, 16)
    if size == 0 then break end
    total = total + size
    within(total, max)
    parts[#parts + 1] = read_exactly(socket, size)
    if read_exactly(socket, 2) ~= "\r\n" then error("a chunk is longer than it says", 0) end
  end
  return table.concat(parts) -- what may stand behind the last chunk is not looked at
end

local function read_to_the_end(socket, max)
  local parts, total = {}, 0
  while true do
    local data, err = socket:read_some()
    if err then error(err, 0) end
    if not data and socket.stream.truncated then need(nil) end -- anybody can cut a connection
    if not data then return table.concat(parts) end
    total = total + #data
    within(total, max)
    parts[#parts + 1] = data
  end
end

local function read_body(socket, status, headers, max)
  local coding, length = headers["transfer-encoding"], headers["content-length"]
  if status == 204 or status == 304 then return "" end
  if coding and (length or coding:lower() ~= "chunked") then error("a body in a form that is not known", 0) end
  if coding then return read_chunked(socket, max) end
  if not length then return read_to_the_end(socket, max) end
  if not length:find "^%d+$" then error("the length of the body is " .. length, 0) end
  within(tonumber(length), max)
  return read_exactly(socket, tonumber(length))
end

--- In a task: body, status and headers of what the URL leads to. Throws what goes wrong.
local function get(url, options)
  for _ = 0, options.redirects do
    local at = parse(url)
    local socket = need(co.connect {
      host = at.host, port = at.port, ca = options.ca and { file = options.ca }, ALPNProtocols = { "http/1.1" },
    })
    need(socket:write("GET ", at.target, " HTTP/1.1\r\nHost: ", at.authority,
      "\r\nUser-Agent: luv-tls\r\nConnection: close\r\n\r\n"))
    local status, headers = read_head(socket)
    local moved = status >= 301 and status <= 308 and status ~= 304 and headers.location
    if not moved then return read_body(socket, status, headers, options.max), status, headers end
    socket.stream:destroy() -- its body is not wanted
    url = resolve(at, moved)
  end
  error(("more than %d redirects"):format(options.redirects), 0)
end

--- === the program ===

local function fail(problem)
  io.stderr:write("https_get.lua: ", (tostring(problem):gsub("%c", "?")), "\n")
  os.exit(1)
end

local DEFAULTS = { deadline = 30, max = 16 * 1024 * 1024, redirects = 5 }
local USAGE = "usage: https_get.lua [--ca FILE] [--deadline SECONDS] [--max BYTES] [--redirects COUNT] URL"

--- The options, and the URL behind them.
local function options_of(words)
  local options = setmetatable({}, { __index = DEFAULTS })
  for i = 1, #words - 1, 2 do
    local name, value = words[i]:match "^%-%-(%l+)$", words[i + 1]
    if name ~= "ca" then value = DEFAULTS[name or ""] and value:find "^%d+$" and tonumber(value) end
    if not value then fail(USAGE) end
    options[name] = value
  end
  if #words % 2 == 0 or words[#words]:sub(1, 1) == "-" then fail(USAGE) end
  return options, words[#words]
end

local options, url = options_of(arg)
co.run(function()
  local task = co.run(get, url, options)
  local body, status = task:wait(options.deadline * 1000)
  if task.status == "waiting" then fail(("no answer in %d seconds"):format(options.deadline)) end
  if not body then fail(status) end
  io.stdout:write(body)
  if status >= 400 then fail("the server answers " .. status) end
end)
uv.run()

-- Fetches a page over HTTPS: redirects, chunked bodies, and an end to all of it (docs/cookbook.md).
--
--   lua5.4 examples/https_get.lua [--ca FILE] [--deadline SECONDS] [--max BYTES] [--redirects COUNT] URL
--
-- The body goes to standard output, once all of it has come. It never goes on without TLS, wherever a server redirects.
local uv = require "luv"
local co = require "tls.co"

local http_answer = dofile((arg[0]:match "^.*/" or "") .. "http_answer.lua")

local DEFAULTS = { deadline = 30, max = 16 * 1024 * 1024, redirects = 5 }
local MOVED = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

--- { host, port, authority, target } of https://host[:port][/path][?query].
local function parse(url)
  local authority, target = url:match "^[hH][tT][tT][pP][sS]://([^/?#]+)([^#]*)"
  if not authority then error("not an https URL: " .. url, 0) end
  local host, port = authority:match "^([%w.-]+):?(%d*)$"
  if not host then host, port = authority:match "^%[([%x:.]+)%]:?(%d*)$" end
  port = port == "" and 443 or tonumber(port)
  if not host or port < 1 or port > 65535 or target:find "[%c ]" then
    error("not an URL that can be asked for: " .. url, 0)
  end
  if target:sub(1, 1) ~= "/" then target = "/" .. target end
  return { host = host, port = port, authority = authority, target = target }
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

--- Asks for a page: the connection, on which the answer comes.
local function ask(at, ca)
  local socket, err = co.connect {
    host = at.host, port = at.port, ca = ca and { file = ca }, ALPNProtocols = { "http/1.1" },
  }
  if not socket then error(err, 0) end
  local sent
  sent, err = socket:write("GET ", at.target, " HTTP/1.1\r\nHost: ", at.authority,
    "\r\nUser-Agent: luv-tls\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n")
  if not sent then error(err, 0) end
  return socket
end

--- In a task: body, status and headers of what the URL leads to. Throws what goes wrong.
local function get(url, options)
  for _ = 0, options.redirects do
    local at = parse(url)
    local socket = ask(at, options.ca)
    local status, headers = http_answer.read_head(socket)
    local moved = MOVED[status] and headers.location
    if not moved then return http_answer.read_body(socket, status, headers, options.max), status, headers end
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

local USAGE = "usage: https_get.lua [--ca FILE] [--deadline SECONDS] [--max BYTES] [--redirects COUNT] URL"

--- The options, and the URL behind them.
local function options_of(words)
  local options = setmetatable({}, { __index = DEFAULTS })
  for i = 1, #words - 1, 2 do
    local name, value = words[i]:match "^%-%-(%l+)$", words[i + 1]
    if name ~= "ca" then value = DEFAULTS[name or ""] and #value < 10 and value:find "^%d+$" and tonumber(value) end
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

-- Neovim: `:Fetch https://HOST[:PORT]/PATH [ca.pem]` fetches a page into a new buffer, while one goes on editing.
--
--   :luafile examples/nvim_fetch.lua
--
-- What goes wrong is told by vim.notify. Tasks run in the loop's callbacks, where most of vim.api is forbidden: what is
-- to be shown goes through vim.schedule.
local co = require "tls.co"

local vim = rawget(_G, "vim")

local PATIENCE = 15000 -- ms, for all of it
local LONGEST = 4 * 1048576 -- bytes

local function notify(problem)
  vim.schedule(function() vim.notify("Fetch: " .. tostring(problem), vim.log.levels.ERROR) end)
end

--- The name of the host, the port, and the path with what may stand in one.
local function parts_of(url)
  local host, port, path = url:match "^https://([%w.-]+):?(%d*)(.*)$"
  if path == "" then path = "/" end
  if not host or not path:find "^/[%w%-._~:/?@!$&'()*+,;=%%]*$" then return nil end
  return host, tonumber(port) or 443, path
end

--- A server of HTTP/1.0 sends no chunks, and ends the connection behind the page. That is the page's end only if TLS
-- says so, too: else somebody may have cut it.
local function read_page(socket)
  local text, err = socket:read "a"
  if not text then return nil, err end
  if socket.stream.truncated then return nil, "the connection was cut" end
  local head, page = text:match "^(.-)\r\n\r\n(.*)$"
  local status = head and head:match "^HTTP/1%.[01] (%d%d%d)"
  if not status then return nil, "the server does not speak HTTP" end
  local length = tonumber(("\n" .. head:lower()):match "\ncontent%-length:%s*(%d+)")
  if length and length ~= #page then return nil, ("%d of %d bytes have come"):format(#page, length) end
  if status ~= "200" then
    local place = ("\n" .. head):match "\n[Ll]ocation:%s*([^\r\n]*)"
    return nil, "status " .. status .. (place and ": it is at " .. place or "")
  end
  return page
end

--- In a task: the page, or nil and what is wrong.
local function get(host, port, path, ca)
  local socket, err = co.connect {
    host = host, port = port, ca = ca and { file = ca } or nil, ALPNProtocols = { "http/1.1" }, limit = LONGEST,
    timeout = PATIENCE,
  }
  if not socket then return nil, err end
  local name = port == 443 and host or host .. ":" .. port
  local sent
  sent, err = socket:write("GET ", path, " HTTP/1.0\r\nHost: ", name, "\r\nConnection: close\r\n\r\n")
  if not sent then return nil, err end
  return read_page(socket)
end

--- A scratch buffer: nothing of a page is obeyed, no modeline either.
local function show(url, page)
  local buffer = vim.api.nvim_create_buf(true, true)
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, vim.split((page:gsub("\r\n", "\n"):gsub("\n$", "")), "\n"))
  pcall(vim.api.nvim_buf_set_name, buffer, url) -- fails if there is one of that name
  vim.api.nvim_set_current_buf(buffer)
end

local function fetch(url, ca)
  local host, port, path = parts_of(url)
  if not host then return notify("not https://HOST[:PORT]/PATH: " .. url) end
  co.run(function()
    local ok, page, err = co.pcall(get, host, port, path, ca) -- thrown is what is wrong with ca.pem
    if not ok then return notify(page) end
    if not page then return notify(err) end
    vim.schedule(function() show(url, page) end)
  end)
end

vim.api.nvim_create_user_command("Fetch", function(call) fetch(call.fargs[1], call.fargs[2]) end, { nargs = "+" })

-- Neovim: `:Fetch https://HOST[:PORT]/PATH [ca.pem]` fetches a page into a new buffer, while one goes on editing.
--
--   :luafile examples/nvim_fetch.lua
--
-- What goes wrong is told by vim.notify. Tasks run in the loop's callbacks, where most of vim.api is forbidden: what is
-- to be shown goes through vim.schedule.
local co = require "tls.co"

local vim = rawget(_G, "vim")
local http_answer = dofile((debug.getinfo(1, "S").source:match "^@(.*/)" or "") .. "http_answer.lua")

local PATIENCE = 15000 -- ms, for all of it
local LONGEST = 4 * 1048576 -- bytes

local function notify(problem)
  local text = tostring(problem):gsub("%c", "?")
  vim.schedule(function() vim.notify("Fetch: " .. text, vim.log.levels.ERROR) end)
end

--- The name of the host, the port, and the path with what may stand in one.
local function parts_of(url)
  local host, port, path = url:match "^https://([%w.-]+):?(%d*)(.*)$"
  if path == "" then path = "/" end
  if not host or not path:find "^/[%w%-._~:/?@!$&'()*+,;=%%]*$" then return nil end
  return host, tonumber(port) or 443, path
end

--- In a task: the page. Throws what is wrong.
local function get(host, port, path, ca)
  local socket = assert(co.connect {
    host = host, port = port, ca = ca and { file = ca } or nil, ALPNProtocols = { "http/1.1" },
  })
  local name = port == 443 and host or host .. ":" .. port
  assert(socket:write("GET ", path, " HTTP/1.1\r\nHost: ", name,
    "\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n"))
  local status, headers = http_answer.read_head(socket)
  if status == 200 then return http_answer.read_body(socket, status, headers, LONGEST) end
  error("status " .. status .. (headers.location and ": it is at " .. headers.location or ""), 0)
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
    local task = co.run(get, host, port, path, ca)
    local page, err = task:wait(PATIENCE)
    task:cancel() -- if it still waits
    if not page then return notify(err) end
    vim.schedule(function() show(url, page) end)
  end)
end

vim.api.nvim_create_user_command("Fetch", function(call) fetch(call.fargs[1], call.fargs[2]) end, { nargs = "+" })

-- Runs the blocks of a page as a reader types them: in an empty folder, which has this checkout as ../luv-tls beside
-- it, with `lua5.4` being the Lua that is named.
--
-- A port that the page prints may be in use: PORTS are replaced by free ones in each block, and back again in what is
-- printed. Every block has its time, and what serves is ended by the id of its group.
local uv = require "luv"
local certs = require "spec.support.certs"
local luas = require "spec.support.luas"

local Page = {}
Page.__index = Page

local PORTS = { "8000", "8443" }
local SECONDS = 30 * (tonumber(os.getenv "TLS_SLOW") or 1)
local ROOT = assert(uv.cwd())

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  file:close()
end

--- Run a shell command; its output, and whether it succeeded.
local function sh(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1; echo \"status $?\""))
  local output, status = pipe:read("*a"):match "^(.*)status (%d+)%s*$"
  pipe:close()
  return output, status == "0"
end

local function free_port()
  local tcp = uv.new_tcp()
  assert(tcp:bind("127.0.0.1", 0))
  local port = tcp:getsockname().port
  tcp:close()
  uv.run "nowait"
  return tostring(port)
end

--- Whether somebody listens on a port, without visiting him. The table of the system's sockets has ports in hex.
local function listening(port)
  local entry = (":%04X %%x+:0000 0A "):format(tonumber(port))
  return (read "/proc/net/tcp" .. read "/proc/net/tcp6"):find(entry) ~= nil
end

local function module_paths(core)
  return ("LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua;%s/?.lua;;' LUA_CPATH='%s/%s/?.so;%s;'"):format(ROOT, ROOT, ROOT,
    ROOT, core, luas.own_cpath(ROOT))
end

--- The Luas that a page is run on, where they are on this machine and have a core.
Page.LUAS = {}
for _, lua in ipairs(luas.list) do
  if lua.here then table.insert(Page.LUAS, lua.name) end
end

local function core_of(lua)
  return lua == luas.this.name and luas.this.build or luas.jit.build
end

--- A command called lua5.4 that is this Lua and finds the modules. A sanitizer is preloaded for our own core alone.
-- `print` of LuaJIT and Lua 5.1 reaches a terminal at once, but a pipe only when there is a lot of it: hence stdbuf.
local function make_lua(folder, lua)
  local program, ok = sh("command -v " .. lua)
  assert(ok, program)
  local sanitizer = ("LD_PRELOAD='%s' ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0"):format(lua == luas.this.name
    and os.getenv "LD_PRELOAD" or "")
  write(folder .. "/lua5.4", ("#!/bin/sh\n%s %s exec %s%s \"$@\"\n"):format(module_paths(core_of(lua)), sanitizer,
    lua ~= "lua5.4" and "stdbuf -oL " or "", program:match "%S+"))
  assert(uv.fs_chmod(folder .. "/lua5.4", 493)) -- 0755
end

function Page.new(lua)
  local self = setmetatable({ lua = lua, count = 0, forward = {}, back = {} }, Page)
  self.top = os.tmpname()
  os.remove(self.top)
  self.folder = self.top .. "/page"
  assert(select(2, sh(("mkdir -p %s/page %s/bin %s/blocks && ln -s %s %s/luv-tls"):format(self.top, self.top, self.top,
    ROOT, self.top))))
  make_lua(self.top .. "/bin", lua)
  for _, port in ipairs(PORTS) do
    self.forward[port] = free_port()
    self.back[self.forward[port]] = port
  end
  return self
end

function Page:close()
  self:stop_serving()
  sh("rm -rf " .. self.top)
end

local function replaced(text, by)
  return (text:gsub("%f[%d]%d+%f[%D]", by))
end

--- The block as a file outside of the page's folder, and how it is started. What serves does so beside several others.
function Page:command(block, text)
  self.count = self.count + 1
  local path = ("%s/blocks/%d"):format(self.top, self.count)
  write(path, text)
  local program = block.language == "lua" and "lua5.4" or "sh -e"
  local seconds = block.rule == "serve" and 4 * SECONDS or SECONDS
  return ("cd %s && exec env PATH=%s/bin:$PATH TLS_CERTS=%s/%s LD_PRELOAD= setsid timeout -k 2 %d %s %s"):format(
    self.folder, self.top, ROOT, certs.dir, seconds, program, path)
end

function Page:fail(block, problem, output)
  error(("%s:%d on %s: %s\n%s"):format(block.page, block.line, self.lua, problem, output or ""), 0)
end

--- Does it parse? For Lua on both kinds of Lua; the shell's own `-n` for sh.
function Page:parse(block, text)
  if block.language == "lua" then
    local chunk, why = (loadstring or load)(text, "=block")
    if not chunk then self:fail(block, why) end
    if self.lua == luas.this.name then return end
  elseif block.language ~= "sh" then
    return
  end
  local path = self.top .. "/blocks/parsed"
  write(path, text)
  local output, ok = sh(block.language == "sh" and "sh -n " .. path
    or (self.lua .. " -e 'assert(loadfile(\"%s\"))'"):format(path))
  if not ok then self:fail(block, "is not " .. block.language, output) end
end

function Page:run(block, text)
  local output, ok = sh("(" .. self:command(block, text) .. " </dev/null)")
  self.printed = output
  if not ok then self:fail(block, "failed", output .. self:served_output()) end
end

function Page:served_output()
  return self.log and "\n--- served ---\n" .. read(self.log) or ""
end

--- Waits until the condition holds; whether it did within the time of a block.
local function wait_until(condition)
  for _ = 1, SECONDS * 50 do
    local answer = condition()
    if answer ~= nil then return answer end
    uv.sleep(20)
  end
  return false
end

function Page:stop_serving()
  if not self.group then return end
  sh("kill -- -" .. self.group)
  wait_until(function() return not listening(self.port) or nil end)
  self.group = nil
end

--- Start it, and wait until it listens on the first port that it prints or, where its files print it, on 8000.
function Page:serve(block, text)
  self:stop_serving()
  self.log = ("%s/blocks/log-%d"):format(self.top, self.count)
  self.port = self.forward[block.text:match "%f[%d]8443%f[%D]" or "8000"]
  if listening(self.port) then self:fail(block, "somebody else listens on its port") end
  local command = self:command(block, text)
  local output = sh(("(%s >%s 2>&1 </dev/null & echo $! >%s.pid)"):format(command, self.log, self.log))
  self.group = read(self.log .. ".pid"):match "%d+" or self:fail(block, "did not start", output)
  local up = wait_until(function()
    if listening(self.port) then return true end
    if not select(2, sh("kill -0 " .. self.group)) then return false end
  end)
  if not up then self:fail(block, "does not listen on " .. self.port, read(self.log)) end
end

--- A line `...` stands for any lines.
local function same_text(expected, actual)
  local pattern = expected:gsub("%s+$", ""):gsub("%p", "%%%0"):gsub("%%%.%%%.%%%.\n?", ".-")
  return actual:gsub("%s+$", ""):find("^" .. pattern .. "$") ~= nil
end

--- Is that what the block says? What is compared is returned as well.
function Page:says(block, output)
  output = replaced(output or "", self.back)
  return same_text(block.text, output), output
end

function Page:compare(block, output)
  local same, shown = self:says(block, output)
  if not same then self:fail(block, "is not what was printed, which is", shown) end
end

--- A fragment inside of its surroundings: where a line says `-- the fragment`.
local function surrounded(name, text)
  local path = ("%s/spec/docs/preludes/%s.lua"):format(ROOT, name)
  return (read(path):gsub("%-%- the fragment\n", function() return text end))
end

local RULES = {}

function RULES.file(self, block, text)
  self:parse(block, text)
  write(self.folder .. "/" .. block.argument, text)
end

function RULES.run(self, block, text) self:run(block, text) end
function RULES.serve(self, block, text) self:serve(block, text) end
function RULES.prints(self, block) self:compare(block, self.printed) end
-- The server may print its last lines after its client has ended.
function RULES.served(self, block)
  wait_until(function() return self:says(block, read(self.log)) or nil end)
  self:compare(block, read(self.log))
end

RULES["with"] = function(self, block, text)
  self:run(block, surrounded(block.argument, text))
end

RULES["not run"] = function(self, block, text) self:parse(block, text) end

--- Do what the block's rule says; throws where it does not do what the page says.
function Page:follow(block)
  RULES[block.rule](self, block, replaced(block.text, self.forward))
end

return Page

-- What scripts/nvim-lua has Neovim run: the program that its arguments name, as `lua` would. The loop is Neovim's, and
-- luv is its own. Four things are made as they are elsewhere, for programs that end with `uv.run()`:
--
-- * the loop is empty when the program's handles are closed: Neovim's own ones do not keep it running;
-- * a signal ends the process, where Neovim would queue it for a loop of its own;
-- * `uv.run` goes on when Neovim stops the loop, as it does for each event that it queues;
-- * `uv.walk` visits the program's handles, where luv before 1.50 ends the process when it meets one of Neovim's.
local vim = rawget(_G, "vim")
local uv = vim.uv or vim.loop
local ffi = require "ffi"

ffi.cdef [[
typedef void (*tls_walk_cb)(void *handle, void *arg);
void uv_walk(void *loop, tls_walk_cb cb, void *arg);
void uv_unref(void *handle);
int uv_handle_get_type(const void *handle);
const char *uv_handle_type_name(int type);
int uv_signal_stop(void *handle);
]]

local function words_behind(mark)
  local words, found = {}, false
  for _, word in ipairs(vim.v.argv) do
    if found then words[#words + 1] = word end
    found = found or word == mark
  end
  return words
end

local function pointer(handle) return ffi.cast("void **", handle)[0] end

local timer = uv.new_timer()
local loop = ffi.cast("void **", pointer(timer))[1] -- a handle's second field, behind `data`
timer:close()
uv.run "nowait"

-- The addresses of all handles on the loop.
local function handles_on_loop()
  local list = {}
  local collect = ffi.cast("tls_walk_cb", function(handle) list[#list + 1] = handle end)
  ffi.C.uv_walk(loop, collect, nil)
  collect:free()
  return list
end

jit.off(handles_on_loop) -- what has been compiled cannot be called back

local function run_until_stopped()
  local run, stop, stopped = uv.run, uv.stop, false
  function uv.stop()
    stopped = true
    return stop()
  end
  function uv.run(mode)
    if mode and mode ~= "default" then return run(mode) end
    local alive, err, code
    stopped = false
    repeat
      alive, err, code = run()
    until not alive or stopped
    stopped = false
    return alive, err, code
  end
end

local function walk_own_handles()
  local made = setmetatable({}, { __mode = "k" })
  local function noting(fn)
    return function(...)
      local handle, second, third = fn(...)
      if type(handle) == "userdata" then made[handle] = true end
      return handle, second, third
    end
  end
  for name, fn in pairs(uv) do
    local makes_handle = name:find "^new_" and name ~= "new_thread" and name ~= "new_work" or name == "spawn"
    if makes_handle then uv[name] = noting(fn) end
  end
  function uv.walk(fn)
    local on_loop, list = {}, {}
    for _, handle in ipairs(handles_on_loop()) do on_loop[tostring(handle)] = true end
    for handle in pairs(made) do
      if on_loop[tostring(pointer(handle))] then list[#list + 1] = handle end
    end
    for _, handle in ipairs(list) do fn(handle) end
  end
end

local function load_program(words)
  if words[1] == "-e" then return assert(loadstring(words[2], "=(command line)")) end
  local arguments = { [-1] = "nvim", [0] = words[1] }
  for i = 2, #words do arguments[i - 1] = words[i] end
  rawset(_G, "arg", arguments)
  return assert(loadfile(words[1]))
end

local function with_traceback(err)
  return (type(err) == "string" or (getmetatable(err) or {}).__tostring) and debug.traceback(tostring(err), 2) or
    "(error object is a " .. type(err) .. " value)"
end

function _G.print(...)
  local texts = {}
  for i = 1, select("#", ...) do texts[i] = tostring((select(i, ...))) end
  io.stdout:write(table.concat(texts, "\t"), "\n")
end

for _, handle in ipairs(handles_on_loop()) do
  ffi.C.uv_unref(handle)
  local kind = ffi.string(ffi.C.uv_handle_type_name(ffi.C.uv_handle_get_type(handle)))
  if kind == "signal" then ffi.C.uv_signal_stop(handle) end
end
run_until_stopped()
walk_own_handles()
local words = words_behind "--"
local ok, err = xpcall(function() load_program(words)(unpack(words, 2)) end, with_traceback)
if err ~= nil then io.stderr:write("lua: ", err, "\n") end
os.exit(ok and 0 or 1)

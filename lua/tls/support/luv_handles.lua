--- Internal. luv's handles that are ours: each is registered with the core when it is made, and closed by close().
-- @module tls.support.luv_handles

local core = require "tls.core"

local made, state_is_closing, wrap = core.handleMade, core.closing, core.wrap

local handles = {}

local closing = 0 -- handles that have not finished closing

local function closed(a, fn, b)
  closing = closing - 1
  if fn then fn(a, b) end
end

--- Closes a handle, unless somebody has done so (`uv.walk(uv.close)`, say), and calls `fn(a, b)` when it has finished.
---@param handle userdata|table|false|nil one of luv's, or a tls.over.stream_as_handle
---@param fn function?
---@param a any
---@param b any
---@param reset boolean? of a TCP connection: with a reset (RST) instead of a FIN, where libuv can do that
---@return boolean begun false when there was nothing to close; `fn` is not called then
function handles.close(handle, fn, a, b, reset)
  if not handle or state_is_closing() or handle:is_closing() then return false end
  local wrapped = wrap(closed, a, fn, b)
  -- libuv refuses a reset once the half-close is under way
  if not (reset and handle.close_reset and handle:close_reset(wrapped)) then handle:close(wrapped) end
  closing = closing + 1
  return true
end

--- Whether a handle can be used: it is there and open. While the Lua state is being closed, handles have been
-- finalized.
---@param handle userdata|table|false|nil
function handles.usable(handle)
  return handle and not state_is_closing() and not handle:is_closing()
end

--- Tells the core of a handle that is ours from now on: when the Lua state is closed, the core runs the loop until all
-- handles of ours are closed.
--- @param handle userdata one of luv's
--- @return userdata handle
function handles.register(handle)
  made()
  return handle
end

--- Makes a handle that is ours, and registers it. Where there is no memory for that, there is no handle.
--- @param constructor function one of luv's
--- @param flags any its argument
--- @return userdata? handle nil where luv has none of this kind
--- @return string? failure then, why
function handles.make(constructor, flags)
  local handle, failure = constructor(flags)
  if not handle then return nil, failure end
  local ok, err = pcall(made)
  if ok then return handle end
  handle:close() -- nothing to wrap: nobody has it yet
  return error(err, 0)
end

--- Whether no handle of ours is still closing. Handles that are closed together get their callbacks one after the
-- other; a program that closes the Lua state in one of these (os.exit with `true`) would wait for the others for ever.
---@return boolean
function handles.all_closed() return closing == 0 end

return handles

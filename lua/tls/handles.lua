--- Closing luv's handles: every handle of ours is closed by this.
-- @module tls.handles

local core = require "tls.core"

local before_close = core.beforeClose

local handles = {}

--- Closes a handle, unless somebody has done so (`uv.walk(uv.close)`, say).
---@param handle userdata|false|nil
---@param callback fun()? when it has finished closing
---@param reset boolean? of a TCP connection: with a reset in the place of a FIN, where libuv can do that
---@return boolean begun
function handles.close(handle, callback, reset)
  if not handle or not before_close() or handle:is_closing() then return false end
  -- libuv refuses a reset once the half-close is under way
  if not (reset and handle.close_reset and handle:close_reset(callback)) then handle:close(callback) end
  return true
end

return handles

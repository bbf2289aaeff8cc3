--- Internal. Why the system has not found a host.
-- @module tls.net.lookup_failure

local uv = require "luv"
local errors = require "tls.support.errors"

-- What opening a file says when there is no descriptor left.
local STARVED = { EMFILE = true, ENFILE = true }

--- The error of getaddrinfo(3). It needs descriptors, for /etc/hosts and for the questions that it asks, and where
-- there is none left it says that there is no such host, or that nobody answers: the error is EMFILE then, or ENFILE.
---@param err string luv's, such as "EAI_NONAME"
---@param host string
---@return tls.Error err
local function lookup_failure(err, host)
  local fd, _, name = uv.fs_open("/dev/null", "r", 0)
  if fd then uv.fs_close(fd) end
  return errors.from_uv(STARVED[name] and name or err, "getaddrinfo", { host = host })
end

return lookup_failure

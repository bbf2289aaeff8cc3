local fragment = require "spec.docs.fragment"
local tls = require "tls"
local uv = require "luv"

-- What Neovim's Lua has of these.
local notified
local vim = { log = { levels = { ERROR = 4 } } }
function vim.notify(text) notified = text end
function vim.schedule_wrap(fn) return fn end

local socket = tls.connect { host = "127.0.0.1", port = fragment.unused_port() }
-- the fragment
uv.run()
assert(notified:find("ECONNREFUSED", 1, true))

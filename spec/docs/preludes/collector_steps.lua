-- Lua 5.4 alone has these arguments; elsewhere the fragment is not for it.
if _VERSION ~= "Lua 5.4" then return end

-- the fragment
assert(collectgarbage("incremental", 0, 0, 10) == "incremental")

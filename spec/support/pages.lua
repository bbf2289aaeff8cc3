-- The README and the pages of docs.
local uv = require("spec.helper").uv

local pages = {}

function pages.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- Their paths, sorted.
function pages.list()
  local list, scan = { "README.md" }, assert(uv.fs_scandir "docs")
  for name in function() return uv.fs_scandir_next(scan) end do
    if name:find "%.md$" then list[#list + 1] = "docs/" .. name end
  end
  table.sort(list)
  return list
end

return pages

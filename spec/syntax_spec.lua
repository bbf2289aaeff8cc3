-- Every Lua file is one for the Lua under test: 5.1 knows no goto, integers or bits, and since 5.5 the variables of a
-- loop cannot be assigned to.
require "spec.helper"

it("every Lua file can be loaded", function()
  local faults, count = {}, 0
  local pipe = io.popen "find lua spec examples bench scripts -name '*.lua'"
  for path in pipe:lines() do
    local program, err = loadfile(path)
    count = count + 1
    if not program then faults[#faults + 1] = err end
  end
  pipe:close()
  assert.equal("", table.concat(faults, "\n"))
  assert.is_true(count > 300, count)
end)

-- The names of the scenarios, for hard/allocations.lua, and of how many N each takes one.
package.path = package.path .. ";./?.lua"
for _, scenario in ipairs(require("hard.allocations.scenarios").load().list) do
  print((scenario.step or 1) .. " " .. scenario.name)
end

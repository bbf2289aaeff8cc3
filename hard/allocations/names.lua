-- The names of the scenarios, for hard/allocations.lua.
package.path = package.path .. ";./?.lua"
for _, scenario in ipairs(require("hard.allocations.scenarios").load().list) do print(scenario.name) end

"""Budget variance in words and tables.

`answer` says where the plan is missed and why, whether it was known and what the year will come to; `compared`, `why`,
`outlook`, `ledger` and `comments` set out what stands behind each of these; `proof` adds it all up again. Every
sentence on one result writes money in one unit, that of the totals; a table has its own in the head. What is rounded
for show is never forced to add up: each number is rounded by itself, and the proof is made on whole cents.
"""

"""History: what a series has been like.

`components` takes it apart into trend, season and remainder; `findings` says what each event did, what stands out and
where a level changed; `prophet` shows where the trend bends; `inspection` gives a reader the series that a report
holds.
"""

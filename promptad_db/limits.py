"""How much a file may ask for before it is read: each limit is far above what results of the field need.

A file that asks for more is refused by name, from the sizes that it declares, before memory is taken for them. Together
they keep one read below about 4 GiB, whatever the file holds.
"""

LARGEST_TEXT = 64 << 20
"""Bytes of a JSON, TOML or small CSV file, which Python objects can make twenty times as large. Scores of a thousand
images on a 37 x 37 grid are 60 MB as JSON."""

DEEPEST_JSON = 64
"""Lists and objects within each other. What Python does with a value (repr, comparing, copying) is recursive as well."""

LARGEST_TABLE_FILE = 1 << 30
"""Bytes of a long table as CSV."""

LARGEST_TABLE = 10_000_000
"""Rows of a long table: 10,000 categories of 100 images and ten branches. While it is read, one takes at most 160 bytes
beside the bytes of its distinct texts, its scores and names as arrays 56; the least that Arrow takes comes to it, 250 MB.
With what indexing its run takes, 350 bytes in all."""

LONGEST_ROW = 1 << 20
"""Characters of a row of a long table as CSV, whose line breaks may be in quotes."""

LONGEST_TEXT = 4096
"""Bytes of a name in a long table: of a category, a branch, an image with its folders."""

MOST_CATEGORIES = 100_000
"""Categories of all runs in one long table, and different values of a column that does not name images."""

MOST_IMAGES = 250_000
"""Images of one category in a long table."""

MOST_LINES = 500_000
"""Lines of a small CSV or of a log."""

MOST_CELLS = 5_000_000
"""Commas of a small CSV: a cell of one letter takes thirty times as much as an object of Python."""

MOST_COLUMNS = 20_000
"""Columns of a table, and row groups of a Parquet file."""

LARGEST_PAGE = 256 << 20
"""Bytes that a page of a Parquet file may become in memory where a file is read in batches of rows."""

LARGEST_UNPACKED = 512 << 20
"""Bytes that a Parquet file may become in memory: two branches of 500 maps of 256 x 256, twice. A larger file may ..."""

PACKING = 16
"""... become this many times its own size. Scores hardly compress, 4 times at most; what does more is no scores."""

LARGEST_FOOTER = 8 << 20
"""Bytes of what a Parquet file says of itself, about 200 for each column of each row group."""

MOST_PAGES = 200_000
"""Pages of a Parquet file, about 1 MB each as they are usually written."""

LARGEST_NAMES = 256 << 20
"""Bytes of the texts in a column when each row has a text of its own: a Parquet file stores equal ones once."""

LARGEST_PICTURE = 1 << 26
"""Pixels of an image, a mask, an anomaly map or a rendered size: 8192 x 8192. Images of the field have up to 20 million."""

LARGEST_CATEGORY = 1 << 30
"""Pixels of all masks or rendered maps of one category: a thousand of 1024 x 1024."""

LARGEST_DOWNLOAD = 16 << 30
"""Bytes of the files of one category on a store, which come to this machine before they are read."""

LONGEST_MESSAGE = 2000
"""Characters of an error: it quotes what it found, and a file decides how long that is."""

LARGEST_RUN_FILE = 8 << 20
"""Bytes of a run.json or a metrics.json: a run that was read from 40,000 files names each of them."""

LONGEST_NAME = 500
"""Characters of an experiment, a method, a dataset, a category, a branch, a tag and the like."""

LONGEST_IMAGE = 4096
"""Characters of the name of an image, which may be a path."""

LONGEST_NOTE = 100_000
"""Characters of a note."""

MOST_TAGS = 1000
"""Tags of a run."""

MOST_SHOTS = 1_000_000
"""Normal images that a method has seen."""

LARGEST_SEED = 1 << 62
"""Seeds of either sign; databases count in 64 bits."""

MOST_COUNTED = 1 << 53
"""Images or pixels of a category: the whole numbers that a double holds exactly."""

MOST_SECONDS = 1e9
"""Seconds of a stage, 32 years."""

LARGEST_EDGE = 1 << 14
"""Pixels of the height or the width of a rendered size."""

LARGEST_SIGMA = 1000.0
"""Pixels of the Gaussian of a rendering; one this wide leaves a map of 400 x 400 without any place."""

LARGEST_MATRIX = 1 << 23
"""Entries of the matrix that renders maps along one axis. Larger maps are rendered one after the other, without it."""

EARLIEST_YEAR, LATEST_YEAR = 1970, 2200
"""Of the times of a run; whoever shows them adds hours for a time zone."""

QUERY_MEMORY = 4 << 30
"""Bytes that SQL somebody typed may take, in DuckDB and in the answer, unless told otherwise."""

QUERY_SECONDS = 300.0
"""Seconds that it may take, unless told otherwise."""

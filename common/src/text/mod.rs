//! Text as filters and shingles see it: code points, words, lines, CJK.

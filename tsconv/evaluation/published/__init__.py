"""Published test accuracies, as data: one file an archive, sources in the columns' names."""

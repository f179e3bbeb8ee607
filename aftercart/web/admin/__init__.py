"""The console under `/admin`: pages for whoever runs the shop. They show, and change nothing."""

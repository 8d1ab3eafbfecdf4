"""DICOM, PNG and JPEG files to studies and display images."""
